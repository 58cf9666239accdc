package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The log hears of loading when it takes long, and then now and then.
func TestLoadingLines(t *testing.T) {
	var out bytes.Buffer
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := loadingLines{logger: slog.New(slog.NewTextHandler(&out, nil)), next: began.Add(loadingAfter)}
	for i := range int64(100) {
		l.show(began.Add(time.Duration(i)*100*time.Millisecond), i<<20, 100<<20)
	}
	require.Equal(t, 2, strings.Count(out.String(), "\n"), out.String())
	require.Contains(t, out.String(), "loading: 10 % of 100 MB")
	require.Contains(t, out.String(), "loading: 60 % of 100 MB")
	out.Reset()
	l.show(began.Add(time.Hour), 0, 0)
	require.Empty(t, out.String())
}
