package persisttest

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"redstart/persist"
	"redstart/types"
)

// A content is what a file should give back, in the plainest form: of a string
// 's' and its bytes, of a list 'l' and, each behind a zero byte, its elements.
type content map[string]string

// An op changes one key.
type op struct {
	kind      byte // 's' sets it, 'p' pushes to it, 'd' deletes it, 'f' flushes all
	key, text string
}

// encode returns the effects of a transaction.
func encode(ops []op) []byte {
	var l types.Log
	for _, o := range ops {
		if o.kind != 'f' {
			l.Add(types.OpPlace, 0, 0, o.key, "")
		}
		switch o.kind {
		case 's':
			l.Add(persist.OpSet, 0, 0, o.text, "")
		case 'p':
			l.Add(types.OpPushBack, 0, 0, o.text, "")
		case 'd':
			l.Add(persist.OpDelete, 0, 0, "", "")
		case 'f':
			l.Add(persist.OpFlush, -1, 0, "", "")
		}
	}
	return l.Bytes()
}

// apply makes the changes of a transaction.
func (c content) apply(_ uint64, tx []byte) error {
	key := ""
	for e, err := range types.Effects(tx) {
		if err != nil {
			return err
		}
		switch e.Op {
		case types.OpPlace:
			key = string(e.A)
		case persist.OpSet:
			c[key] = "s" + string(e.A)
		case types.OpPushBack:
			if c[key] == "" {
				c[key] = "l"
			}
			c[key] += "\x00" + string(e.A)
		case persist.OpDelete:
			delete(c, key)
		case persist.OpFlush:
			clear(c)
		default:
			return fmt.Errorf("op %d", e.Op)
		}
	}
	return nil
}

// put takes an entry of a snapshot.
func (c content) put(e persist.Entry) error {
	key := string(e.Key)
	if e.Patched {
		var place types.Log
		place.Add(types.OpPlace, 0, 0, key, "")
		return c.apply(0, append(place.Bytes(), e.Patch...))
	}
	switch o := e.Object.(type) {
	case nil:
		if c[key] = "s" + string(e.Value); e.Deleted {
			delete(c, key)
		}
	case *types.List:
		text := "l"
		for _, element := range o.All() {
			text += "\x00" + string(element)
		}
		c[key] = text
	}
	return nil
}

// differs says how c is not what it should be, or nothing.
func (c content) differs(want content) string {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if c[key] != want[key] {
			return fmt.Sprintf("key %q holds %.60q (%d bytes) instead of %.60q (%d bytes)",
				key, c[key], len(c[key]), want[key], len(want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("key %q holds %.60q and should not exist", key, c[key])
		}
	}
	return ""
}

// A contentView is a content as of a transaction, for a checkpoint.
type contentView struct {
	content
	seq uint64
}

func (v contentView) Seq() uint64 { return v.seq }

func (v contentView) Len() int { return len(v.content) }

func (v contentView) Find(_ int, key []byte) (persist.Entry, bool) {
	text, ok := v.content[string(key)]
	if !ok {
		return persist.Entry{}, false
	}
	e := persist.Entry{Key: key, Kind: types.KindString, Value: []byte(text[1:])}
	if text[0] == 'l' {
		list := new(types.List)
		for element := range strings.SplitSeq(text[2:], "\x00") {
			list.PushBack([]byte(element))
		}
		e.Kind, e.Object, e.Value = types.KindList, list, nil
	}
	return e, true
}

func (v contentView) All() iter.Seq[persist.Entry] {
	return func(yield func(persist.Entry) bool) {
		for _, key := range slices.Sorted(maps.Keys(v.content)) {
			if e, _ := v.Find(0, []byte(key)); !yield(e) {
				return
			}
		}
	}
}
