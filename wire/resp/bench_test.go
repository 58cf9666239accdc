package resp

import (
	"strings"
	"testing"
)

// setCommand is what redis-benchmark sends for SET with 64 bytes of data.
var setCommand = "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000012345\r\n$64\r\n" + strings.Repeat("x", 64) + "\r\n"

func BenchmarkParserSet(b *testing.B) {
	b.ReportAllocs()
	var p Parser
	buf := []byte(setCommand)
	for b.Loop() {
		if _, n, _ := p.Next(buf); n != len(buf) {
			b.Fatal(n)
		}
	}
}

func BenchmarkParserSetPipelined(b *testing.B) {
	const commands = 16
	b.ReportAllocs()
	var p Parser
	all := []byte(strings.Repeat(setCommand, commands))
	for b.Loop() {
		for buf := all; len(buf) > 0; {
			_, n, _ := p.Next(buf)
			if n == 0 {
				b.Fatal("incomplete")
			}
			buf = buf[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/commands, "ns/command")
}

func BenchmarkParserSetInTwo(b *testing.B) {
	b.ReportAllocs()
	var p Parser
	buf := []byte(setCommand)
	for b.Loop() {
		if _, n, _ := p.Next(buf[:60]); n != 0 {
			b.Fatal(n)
		}
		if _, n, _ := p.Next(buf); n != len(buf) {
			b.Fatal(n)
		}
	}
}

func BenchmarkParserInline(b *testing.B) {
	b.ReportAllocs()
	var p Parser
	buf := []byte("set key:000000012345 value\r\n")
	for b.Loop() {
		if _, n, _ := p.Next(buf); n != len(buf) {
			b.Fatal(n)
		}
	}
}

func BenchmarkWriterBulk(b *testing.B) {
	b.ReportAllocs()
	var w Writer
	data := []byte(strings.Repeat("x", 64))
	for b.Loop() {
		w.Reset()
		w.Bulk(data)
	}
}

func BenchmarkWriterInt(b *testing.B) {
	b.ReportAllocs()
	var w Writer
	for b.Loop() {
		w.Reset()
		w.Int(1234567)
	}
}

func BenchmarkWriterDouble(b *testing.B) {
	b.ReportAllocs()
	w := Writer{Proto: 3}
	for b.Loop() {
		w.Reset()
		w.Double(3.14159)
	}
}
