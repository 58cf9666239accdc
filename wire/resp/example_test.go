package resp_test

import (
	"fmt"

	"redstart/wire/resp"
)

// A server keeps the bytes that have arrived in a buffer and takes commands off
// its front.
func ExampleParser() {
	var p resp.Parser
	var buf []byte
	for _, packet := range []string{"*2\r\n$3\r\nGET\r\n$", "1\r\nk\r\nping\r\n"} {
		buf = append(buf, packet...)
		for {
			args, n, err := p.Next(buf)
			if err != nil {
				fmt.Println(err) // and close the connection
				return
			}
			if n == 0 {
				break // wait for more
			}
			fmt.Printf("%q\n", args)
			buf = buf[n:]
		}
	}
	// Output:
	// ["GET" "k"]
	// ["ping"]
}

func ExampleWriter() {
	w := resp.Writer{Proto: 3}
	mark := w.Defer()
	n := 0
	for _, name := range []string{"ann", "bob"} {
		w.BulkString(name)
		w.Double(float64(len(name)) / 2)
		n++
	}
	w.SetMap(mark, n)
	fmt.Printf("%q\n", w.Bytes())
	// Output: "%2\r\n$3\r\nann\r\n,1.5\r\n$3\r\nbob\r\n,1.5\r\n"
}

func ExampleValue_String() {
	v, _, err := resp.Decode([]byte("*2\r\n%1\r\n+name\r\n$3\r\nann\r\n*2\r\n:1\r\n_\r\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v)
	// Output:
	// 1) 1# name => "ann"
	// 2) 1) (integer) 1
	//    2) (nil)
}
