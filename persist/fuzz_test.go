package persist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// What the fuzzer makes gets a right checksum, or it would never get further.

func FuzzJournalRecord(f *testing.F) {
	whole := record{buf: make([]byte, recordHeader), kind: recordWhole, first: 1, count: 2}
	whole.buf = append(whole.buf, "\x03abc\x00"...)
	piece := record{buf: append(make([]byte, recordHeader), "abc"...), kind: recordFirst, first: 1}
	last := record{buf: append(make([]byte, recordHeader), "abc"...), kind: recordLast, first: 1, count: 1}
	for _, r := range []record{whole, piece, last} {
		r.seal(binary.BigEndian.AppendUint64(nil, 1))
		f.Add(r.buf, r.buf)
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var got [][]byte
		p := replay{each: func(seq uint64, tx []byte) error {
			got = append(got, bytes.Clone(tx))
			if seq != uint64(len(got)) {
				t.Fatalf("transaction %d is number %d", seq, len(got))
			}
			return nil
		}}
		for i, value := range [][]byte{one, two} {
			key := binary.BigEndian.AppendUint64(nil, uint64(i+1))
			value = bytes.Clone(value)
			if err := p.record(key, bytes.Clone(value)); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			if len(value) >= recordHeader {
				binary.LittleEndian.PutUint32(value, checksum(key, value))
			}
			p.number, p.seq, p.pieces, p.open, got = 0, 0, nil, false, nil
			if err := p.record(key, value); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		}
	})
}

func FuzzSnapshotChunk(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	m := newModel()
	for range 40 {
		var l types.Log
		if randomTx(r, &l); len(l.Bytes()) < 1000 {
			_ = m.apply(m.seq+1, l.Bytes())
		}
	}
	for e := range m.All() {
		for _, c := range pack(f, []Entry{e}) {
			f.Add(byte(c.kind), c.count, c.buf[chunkHeader:], uint16(3))
		}
	}
	for _, e := range somePatches() {
		for _, c := range pack(f, []Entry{e}) {
			f.Add(byte(c.kind), c.count, c.buf[chunkHeader:], uint16(5))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, count uint32, body []byte, cut uint16) {
		var whole []Entry
		keep := func(e Entry) error {
			e.Key, e.Value, e.Patch = bytes.Clone(e.Key), bytes.Clone(e.Value), bytes.Clone(e.Patch)
			whole = append(whole, e)
			return nil
		}
		// Patches need not fit anything, so a model cannot take them.
		put := func(m *model) (func(Entry) error, *[]Entry) {
			var patches []Entry
			return func(e Entry) error {
				if !e.Patched {
					return m.put(e)
				}
				e.Key, e.Patch = append([]byte{}, e.Key...), append([]byte{}, e.Patch...)
				patches = append(patches, e)
				return nil
			}, &patches
		}
		rd := reader{each: keep}
		err := rd.chunk(&chunk{buf: body, kind: chunkKind(kind), count: count})
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		if err != nil || chunkKind(kind) != chunkWhole {
			return
		}
		// What was decoded encodes to something that decodes to the same.
		again := newModel()
		want := newModel()
		putWant, wantPatches := put(want)
		for _, e := range whole {
			require.NoError(t, putWant(e))
		}
		putAgain, againPatches := put(again)
		back := reader{each: putAgain}
		for _, c := range pack(t, whole) {
			c.buf = c.buf[chunkHeader:]
			require.NoError(t, back.chunk(c))
		}
		again.same(t, want)
		require.Equal(t, *wantPatches, *againPatches)
		if len(whole) != 1 {
			return
		}
		// Read in pieces, it is the same.
		n := min(int(cut), len(body))
		pieces := newModel()
		putPieces, piecesPatches := put(pieces)
		rd = reader{each: putPieces}
		require.NoError(t, rd.chunk(&chunk{buf: bytes.Clone(body[:n]), kind: chunkPiece}))
		require.NoError(t, rd.chunk(&chunk{buf: bytes.Clone(body[n:]), kind: chunkLast, count: 1}))
		pieces.same(t, want)
		require.Equal(t, *wantPatches, *piecesPatches)
	})
}

// somePatches returns entries with patches.
func somePatches() []Entry {
	var list, text types.Log
	list.Add(types.OpPushBack, 0, 0, "more", "")
	list.Add(types.OpListSet, 1, 0, "other", "")
	text.Add(OpAppend, 0, 0, "more", "")
	text.Add(OpSetRange, 3, 0, "other", "")
	return []Entry{
		{DB: 1, Key: []byte("list"), Kind: types.KindList, Patched: true, Patch: list.Bytes(), Length: 300},
		{Key: []byte("text"), Kind: types.KindString, Deadline: 1e12, Mark: 1, Patched: true, Patch: text.Bytes(), Length: 5},
		{Key: []byte("set"), Kind: types.KindSet, Deadline: 1e12, Patched: true, Length: 1e6},
	}
}

// pack encodes entries.
func pack(t testing.TB, entries []Entry) (chunks []*chunk) {
	p := packer{
		empty: func() []byte { return nil },
		emit:  func(c *chunk) error { chunks = append(chunks, c); return nil },
	}
	for i := range entries {
		require.NoError(t, p.entry(&entries[i]))
	}
	require.NoError(t, p.close())
	return chunks
}

func FuzzPreflight(f *testing.F) {
	path := tempFile(f)
	file, m := mustOpen(f, path, testOptions(EverySecond))
	for i := range 5 {
		do(f, file, m, setTx(string(rune('a'+i)), "value"))
	}
	require.NoError(f, file.Checkpoint(m))
	require.NoError(f, file.Close())
	whole, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(uint32(0), []byte{1}, uint32(0))
	f.Add(uint32(4096), []byte{0, 1, 2}, uint32(3*4096))
	f.Add(uint32(2*4096+8), []byte{1}, uint32(0))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32) {
		b := bytes.Clone(whole)
		if size != 0 {
			b = b[:min(int(size), len(b))]
		}
		for i := range patch {
			if n := int(at) + i; n < len(b) {
				b[n] ^= patch[i]
			}
		}
		_, err := inspect(bytes.NewReader(b), int64(len(b)))
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrNewer) {
			t.Fatal(err)
		}
	})
}

func TestEntriesFillChunksExactly(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 100 {
		var entries []Entry
		want := newModel()
		for i := range 1 + r.IntN(6) {
			size := r.IntN(3 * chunkSize)
			if r.IntN(2) == 0 { // about the size of a chunk, or of two
				size = chunkSize*(1+r.IntN(2)) - r.IntN(80)
			}
			e := Entry{DB: i, Key: []byte("k"), Kind: types.KindString, Value: make([]byte, size), Deadline: r.Int64N(math.MaxInt64)}
			if i == 3 {
				e = Entry{DB: i, Key: e.Value, Kind: types.KindNone, Deleted: true}
			}
			entries = append(entries, e)
			require.NoError(t, want.put(e))
		}
		got := newModel()
		rd := reader{each: got.put}
		for _, c := range pack(t, entries) {
			require.LessOrEqual(t, len(c.buf), chunkSize)
			require.NoError(t, rd.chunk(&chunk{buf: c.buf[chunkHeader:], kind: c.kind, count: c.count}))
		}
		require.False(t, rd.pending)
		got.same(t, want)
	}
}
