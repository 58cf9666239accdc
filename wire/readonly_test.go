package wire

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire/resp"
)

// When the file cannot be written, those who have written hear that, and
// nothing else; those who read are answered.
func TestReadsGoOn(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "app.db"), &store.Options{Sync: store.Always})
	require.NoError(t, err)
	defer db.Close()
	srv := NewServer(db, nil)
	say := func(s *session, disk error, lines ...string) string {
		var in resp.Writer
		for _, line := range lines {
			in.Command(strings.Fields(line)...)
		}
		s.feed(in.Bytes())
		s.publish(disk)
		out := ""
		s.box.send(func(b []byte) (bool, error) { out += string(b); return false, nil })
		return out
	}
	full := errors.Join(store.ErrReadOnly, errors.New("disk full"))
	writer, reader := newSession(srv, nowhere{}), newSession(srv, nowhere{})
	require.Equal(t, "+OK\r\n", say(writer, nil, "SET k v"))
	require.Equal(t, "$1\r\nv\r\n", say(reader, full, "GET k"))
	require.Equal(t, "+OK\r\n+QUEUED\r\n*1\r\n$1\r\nv\r\n", say(reader, full, "MULTI", "GET k", "EXEC"))
	require.Equal(t, "$1\r\nv\r\n", say(writer, full, "GET k"), "what it wrote before is acknowledged")

	require.Empty(t, say(reader, full, "BLPOP l 0"))
	out := say(writer, full, "GET k", "RPUSH l e", "GET k")
	require.Regexp(t, "^-MISCONF [^\r]*disk full\r\n$", out)
	require.True(t, writer.ending)
	reader.resume()
	require.Regexp(t, "^-MISCONF ", say(reader, full), "what it was served is not on disk")
}

// Who waits for the disk hears that it failed, and is given up by a timeout,
// CLIENT UNBLOCK or the end of the client like any other that waits.
func TestWaitForDiskEnds(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "app.db"), nil)
	require.NoError(t, err)
	defer db.Close()
	srv := NewServer(db, nil)
	wait := func(seq uint64, timeout time.Duration, err error) string {
		link := &noLink{woken: make(chan struct{}, 1)}
		s := newSession(srv, link)
		defer s.close()
		s.mu.Lock()
		s.room()
		s.parkUntilDurable(seq, timeout, func(w *resp.Writer) { w.Simple("OVER") })
		p := s.parked
		if err != nil {
			db.GiveUp(p.waiter, err)
		}
		s.mu.Unlock()
		<-link.woken
		s.resume()
		require.False(t, db.GiveUp(p.waiter, errGone), "once only")
		return string(s.out.Bytes())
	}
	require.NoError(t, db.Set("k", nil))
	require.Equal(t, "+OVER\r\n", wait(db.Seq(), 0, nil))
	require.NoError(t, db.Set("k", nil))
	require.Equal(t, "+OVER\r\n", wait(db.Seq(), time.Nanosecond, nil))
	require.Regexp(t, "^-ERR there is no commit", wait(db.Seq()+1, 0, nil), "an error is a reply")
	require.NoError(t, db.Set("k", nil))
	require.Contains(t, []string{"-" + string(errUnblocked) + "\r\n", "+OVER\r\n"}, wait(db.Seq(), 0, errUnblocked))
}
