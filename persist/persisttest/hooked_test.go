//go:build !bolthook

package persisttest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hooked tells whether bbolt is the copy that lets itself be watched.
const hooked = false

// TestHooked runs the tests of this package again, as another process, with a
// copy of bbolt that tells the seam of package disk each write, sync, truncate
// and close, one by one, and allocates pages in a fixed order. The copy is made
// of the module in the module cache and lies in the user's cache directory:
// built once, it is quick. go.mod is left alone: the copy comes in by one of its
// own. What a failing test prints is repeated here.
func TestHooked(t *testing.T) {
	seeds() // here, too: what go test remembers is of these
	root, source := modules(t)
	bbolt := place(t, patched(t, source))
	mod := filepath.Join(t.TempDir(), "crash.mod")
	text := string(read(t, filepath.Join(root, "go.mod"))) + fmt.Sprintf("\nreplace go.etcd.io/bbolt => %s\n", bbolt)
	require.NoError(t, os.WriteFile(mod, []byte(text), 0o600))
	require.NoError(t, os.WriteFile(strings.TrimSuffix(mod, "mod")+"sum", read(t, filepath.Join(root, "go.sum")), 0o600))

	args := []string{"test", "-modfile=" + mod, "-tags=bolthook", "-vet=off", "-count=1", "-v", "-timeout=5m"}
	if testing.Short() {
		args = append(args, "-short")
	}
	cmd := goCommand(root, append(args, "./persist/persisttest")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go test -tags=bolthook: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "_test.go:") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// modules returns where this module is, and the source of bbolt.
func modules(t *testing.T) (root, bbolt string) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command, which builds a bbolt that can be watched, is missing: ", err)
	}
	out, err := goCommand("", "list", "-m", "-f", "{{.Dir}}", "redstart", "go.etcd.io/bbolt").CombinedOutput()
	dirs := strings.Fields(string(out))
	if err != nil || len(dirs) != 2 {
		t.Skipf("the source of bbolt, of which a copy can be watched, is not in the module cache: %v %s", err, out)
	}
	return dirs[0], dirs[1]
}

// goCommand returns a go command that does not touch the network.
func goCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
	return cmd
}

// An edit replaces text in a file of bbolt's, as often as it is there.
type edit struct {
	file, old, new string
	times          int
}

// changes turn bbolt into one that can be watched, and repeats itself: the maps
// it walks through decide which page is written where.
var changes = []edit{
	{"db.go", "db.ops.writeAt = db.file.WriteAt", "db.ops.writeAt = watchedWriteAt(db.file)", 1},
	{"db.go", "db.file.Truncate(int64(sz))", "watchedTruncate(db.file, int64(sz))", 1},
	{"db.go", "db.file.Sync()", "watchedSync(db.file, db.file.Sync)", 1},
	{"db.go", "db.file.Close()", "watchedClose(db.file)", 1},
	{"bolt_*.go boltsync_*.go", "func fdatasync(db *DB) error", "func plainFdatasync(db *DB) error", 4},
	{"bucket.go", "for name, child := range b.buckets {", "for _, name := range ordered(b.buckets) {\n\t\tchild := b.buckets[name]", 1},
	{"bucket.go", "for _, n := range b.nodes {", "for _, id := range ordered(b.nodes) {\n\t\tn := b.nodes[id]\n\t\tif n == nil {\n\t\t\tcontinue\n\t\t}", 1},
	{"internal/freelist/hashmap.go", "for pid := range bm {", "for _, pid := range ordered(bm) {", 2},
	{"internal/freelist/hashmap.go", "for size, bm := range f.freemaps {", "for _, size := range ordered(f.freemaps) {\n\t\tbm := f.freemaps[size]", 1},
}

const watchedFile = `package bbolt

import "os"

// Watch is called in the place of each operation on a file, and does it by do.
var Watch = func(op string, file *os.File, off int64, data []byte, do func() error) error { return do() }

func fdatasync(db *DB) error {
	return watchedSync(db.file, func() error { return plainFdatasync(db) })
}

func watchedSync(file *os.File, sync func() error) error { return Watch("sync", file, 0, nil, sync) }

func watchedClose(file *os.File) error { return Watch("close", file, 0, nil, file.Close) }

func watchedTruncate(file *os.File, size int64) error {
	return Watch("truncate", file, size, nil, func() error { return file.Truncate(size) })
}

func watchedWriteAt(file *os.File) func(b []byte, off int64) (int, error) {
	return func(b []byte, off int64) (n int, err error) {
		err = Watch("write", file, off, b, func() error {
			n, err = file.WriteAt(b, off)
			return err
		})
		return n, err
	}
}
`

const orderedFile = `package %s

import (
	"cmp"
	"maps"
	"slices"
)

func ordered[M ~map[K]V, K cmp.Ordered, V any](m M) []K { return slices.Sorted(maps.Keys(m)) }
`

// patched returns the files of the copy.
func patched(t *testing.T, source string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, path)
		if err == nil && !d.IsDir() && !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "cmd"+string(filepath.Separator)) {
			if strings.HasSuffix(name, ".go") || name == "go.mod" || name == "go.sum" {
				files[filepath.ToSlash(name)] = read(t, path)
			}
		}
		return err
	}))
	for _, c := range changes {
		found := 0
		for _, pattern := range strings.Fields(c.file) {
			for name, text := range files {
				if ok, _ := filepath.Match(pattern, name); ok {
					found += bytes.Count(text, []byte(c.old))
					files[name] = bytes.ReplaceAll(text, []byte(c.old), []byte(c.new))
				}
			}
		}
		require.Equal(t, c.times, found, "bbolt has changed: %q in %s; adapt the changes made to it here", c.old, c.file)
	}
	files["watched.go"] = []byte(watchedFile)
	files["ordered.go"] = fmt.Appendf(nil, orderedFile, "bbolt")
	files["internal/freelist/ordered.go"] = fmt.Appendf(nil, orderedFile, "freelist")
	return files
}

// place writes the copy to a directory that is named by what it holds, so that
// what the go command has built of it stays good.
func place(t *testing.T, files map[string][]byte) string {
	t.Helper()
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(files[name]), files[name])
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		cache = filepath.Join(cache, "redstart-persisttest")
		err = os.MkdirAll(cache, 0o700)
	}
	if err != nil {
		cache = t.TempDir()
	}
	dir := filepath.Join(cache, fmt.Sprintf("bbolt-%x", sum.Sum(nil)[:12]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	part, err := os.MkdirTemp(cache, "part")
	if err != nil {
		t.Skip("there is no place for a copy of bbolt: ", err)
	}
	defer os.RemoveAll(part)
	for _, name := range names {
		path := filepath.Join(part, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, files[name], 0o600))
	}
	if err := os.Rename(part, dir); err != nil { // unless another process was quicker
		require.DirExists(t, dir, "%v", err)
	}
	return dir
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}
