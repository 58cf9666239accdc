package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	tidwall "github.com/tidwall/resp"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// An Error is an error reply: its code, such as ERR or WRONGTYPE, and its message.
type Error = command.Error

// Do runs one command on db as a client would, without a connection: the
// command's name and its arguments, each a string, []byte, number or bool (1 or
// 0). The reply is a value of RESP2, which the caller owns.
//
// An error reply is returned as an [Error]. A blocking command waits until it
// has something, its timeout is over, or ctx is done; then the error is that of
// ctx. ctx is not looked at otherwise.
//
// Each call is a client of its own, connected to no [Server]: SELECT, MULTI and
// SUBSCRIBE end with the call, and PUBLISH reaches nobody. For several steps use
// [store.DB.Update]. A call costs some microseconds and some allocations; for
// what is done often there are the methods of [store.DB] and [store.Tx].
func Do(ctx context.Context, db *store.DB, args ...any) (tidwall.Value, error) {
	words := make([][]byte, len(args))
	for i, a := range args {
		w, err := word(a)
		if err != nil {
			return tidwall.Value{}, fmt.Errorf("wire.Do: argument %d: %w", i, err)
		}
		words[i] = w
	}
	if len(words) == 0 {
		return tidwall.Value{}, errors.New("wire.Do: no command")
	}
	link := &noLink{woken: make(chan struct{}, 1)}
	x := newSession(NewServer(db, nil), link)
	defer x.close()
	if err := x.do(ctx, words, link.woken); err != nil {
		return tidwall.Value{}, err
	}
	if err := db.WaitDurable(); err != nil {
		return tidwall.Value{}, err
	}
	v, err := x.answer()
	buffers.put(x.out.Swap(nil))
	return v, err
}

// word returns an argument as bytes.
func word(a any) ([]byte, error) {
	switch a := a.(type) {
	case string:
		return []byte(a), nil
	case []byte:
		return a, nil
	case float64:
		return strconv.AppendFloat(nil, a, 'g', -1, 64), nil
	case float32:
		return strconv.AppendFloat(nil, float64(a), 'g', -1, 32), nil
	case bool:
		return strconv.AppendInt(nil, asInt(a), 10), nil
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Append(nil, a), nil
	}
	return nil, fmt.Errorf("a %T cannot be an argument", a)
}

// do runs a command, and waits if it blocks.
func (s *session) do(ctx context.Context, args [][]byte, woken <-chan struct{}) error {
	s.mu.Lock()
	s.execute(args)
	p := s.parked
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	select {
	case <-woken:
		s.resume()
		return nil
	case <-ctx.Done():
	}
	gaveUp := s.srv.db.GiveUp(p.waiter, ctx.Err())
	<-woken // it may have been served in the last moment
	s.resume()
	if gaveUp {
		return ctx.Err()
	}
	return nil
}

// answer returns the reply of the command that was run.
func (s *session) answer() (tidwall.Value, error) {
	if s.out.Len() == 0 { // CLIENT REPLY, SHUTDOWN
		return tidwall.NullValue(), nil
	}
	r := resp.NewReader(bytes.NewReader(s.out.Bytes()))
	r.MaxSize = math.MaxInt
	v, err := r.Read()
	if err != nil {
		panic("BUG: reply cannot be read: " + err.Error())
	}
	if err := v.Err(); err != nil {
		return tidwall.Value{}, Error(err.Error())
	}
	return generic(v), nil
}

// generic returns a reply of RESP2 as a tidwall Value. Its own reader is not
// used: it gives up on arrays of more than a million elements.
func generic(v resp.Value) tidwall.Value {
	switch {
	case v.Null:
		return tidwall.NullValue()
	case v.Type == resp.Int:
		return tidwall.IntegerValue(int(v.Int))
	case v.Type == resp.Bulk:
		return tidwall.StringValue(v.Str)
	case v.Type == resp.Error:
		return tidwall.ErrorValue(Error(v.Str))
	case v.Type == resp.Array:
		elems := make([]tidwall.Value, len(v.Elems))
		for i, e := range v.Elems {
			elems[i] = generic(e)
		}
		return tidwall.ArrayValue(elems)
	}
	return tidwall.SimpleStringValue(v.Str)
}

// A noLink is the transport of a session without a connection.
type noLink struct{ woken chan struct{} }

func (l *noLink) notify() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

func (l *noLink) hangUp() {}

func (l *noLink) yield() {}

func (l *noLink) addresses() (remote, local string) { return "", "" }

func (l *noLink) fd() int { return 0 }
