package wire

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

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
