package wiretest_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/wire/resp"
	"redstart/wire/wiretest"
)

// ask sends a line and returns the reply.
func ask(t *testing.T, nc net.Conn, line string) string {
	t.Helper()
	_, err := io.WriteString(nc, line+"\r\n")
	require.NoError(t, err)
	v, err := resp.NewReader(nc).Read()
	require.NoError(t, err)
	return v.String()
}

func TestStart(t *testing.T) {
	srv := wiretest.Start(t)
	nc, err := net.Dial("tcp", srv.Addr())
	require.NoError(t, err)
	defer nc.Close()
	require.Equal(t, "OK", ask(t, nc, "SET greeting hello"))
	v, err := srv.DB().Get("greeting")
	require.NoError(t, err)
	require.Equal(t, "hello", string(v))

	inProcess, err := srv.Dialer()(context.Background(), "", "")
	require.NoError(t, err)
	defer inProcess.Close()
	require.Equal(t, `"hello"`, ask(t, inProcess, "GET greeting"))
}

// A server with blocked, subscribed and idle clients leaves nothing behind.
func TestNothingIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	run := func() {
		t.Run("inner", func(t *testing.T) {
			srv := wiretest.Start(t, wiretest.Password("pw"), wiretest.File(path))
			for _, line := range []string{"BLPOP q 0", "SUBSCRIBE news", "PING"} {
				nc, err := net.Dial("tcp", srv.Addr())
				require.NoError(t, err)
				t.Cleanup(func() { nc.Close() })
				require.Equal(t, "OK", ask(t, nc, "AUTH pw"))
				_, err = io.WriteString(nc, line+"\r\n")
				require.NoError(t, err)
			}
			require.Eventually(t, func() bool { return srv.DB().Waiting() == 1 }, 10*time.Second, time.Millisecond)
		})
	}
	run()
	before := runtime.NumGoroutine()
	for range 3 {
		run()
	}
	// What has ended may take a moment to be gone.
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}
