package load

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"time"
)

// A Filler is a client that stores many keys or elements quickly. The first
// error stays in Err; after it nothing is sent.
type Filler struct {
	Err error

	conn net.Conn
	out  *bufio.Writer
	req  []byte
	in   []byte
	scan scanner
	open int // replies to come
}

// How many groups of arguments Fill puts into a command, and how many commands
// it sends before it looks for replies.
const (
	fillGroups = 200
	fillDepth  = 20
)

// NewFiller connects to a server.
func NewFiller(network, addr string) (*Filler, error) {
	conn, err := net.DialTimeout(network, addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return FillerOf(conn), nil
}

// FillerOf returns a filler that uses a connection, which Close closes.
func FillerOf(conn net.Conn) *Filler {
	return &Filler{conn: conn, out: bufio.NewWriterSize(conn, 64<<10), in: make([]byte, 64<<10)}
}

// Close ends the connection.
func (f *Filler) Close() { f.conn.Close() }

// Do sends a command and waits for its reply, which is passed over. An error
// reply ends up in Err.
func (f *Filler) Do(args ...string) {
	f.Send(args...)
	f.Wait()
}

// Send sends a command, at the latest at the next Wait.
func (f *Filler) Send(args ...string) {
	if f.Err != nil {
		return
	}
	f.req = AppendRequest(f.req[:0], args...)
	if _, f.Err = f.out.Write(f.req); f.Err == nil {
		f.open++
	}
}

// Wait waits for the replies to all that was sent.
func (f *Filler) Wait() {
	if f.Err == nil {
		f.Err = f.out.Flush()
	}
	for f.open > 0 && f.Err == nil {
		n, err := f.conn.Read(f.in)
		if err != nil {
			f.Err = err
			return
		}
		replies, err := f.scan.feed(f.in[:n])
		f.open -= replies
		if f.Err = err; err == nil && f.scan.errors > 0 {
			f.Err = errors.New(f.scan.message)
		}
	}
}

// Fill sends a command with n groups of arguments in all, some hundred in one
// command and some commands at once. group appends the arguments of number i.
func (f *Filler) Fill(n int, command []string, group func(args []string, i int) []string) {
	args := make([]string, 0, len(command)+fillGroups*4)
	for i, sent := 0, 0; i < n && f.Err == nil; sent++ {
		args = append(args[:0], command...)
		for end := min(i+fillGroups, n); i < end; i++ {
			args = group(args, i)
		}
		f.Send(args...)
		if sent%fillDepth == fillDepth-1 {
			f.Wait()
		}
	}
	f.Wait()
}

// The names of keys and elements are redis-benchmark's: its tests find what is
// filled in under them.

// Key is the key of number i.
func Key(i int) string { return numbered("key:", i) }

// Element is the member, field or element of number i.
func Element(i int) string { return numbered("element:", i) }

// numbered is prefix and twelve digits.
func numbered(prefix string, i int) string {
	if i < 0 || i >= 1e12 {
		panic(fmt.Sprintf("BUG: no number for a key: %d", i))
	}
	b := append([]byte(prefix), "000000000000"...)
	for at := len(b) - 1; i > 0; at-- {
		b[at] = byte('0' + i%10)
		i /= 10
	}
	return string(b)
}
