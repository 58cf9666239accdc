package persisttest

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist"
	"redstart/persist/internal/disk"
	"redstart/store"
	"redstart/types"
)

// stopped is a clock that stands still, so that nothing happens by itself.
type stopped struct{}

func (stopped) Now() time.Time { return time.UnixMilli(1_700_000_000_000) }

func (stopped) AfterFunc(time.Duration, func()) func() bool { return func() bool { return true } }

// A shop is a store that is written to by a test, in all its types.
type shop struct {
	*world
	db *store.DB
}

func newShop(t testing.TB, seed uint64, before *media) *shop {
	return &shop{world: newWorld(t, memoryDir(t), seed, before)}
}

func openStore(path string, policy store.Policy) (*store.DB, error) {
	return store.Open(path, &store.Options{Sync: policy, Clock: stopped{}, Shards: 2, Databases: 2})
}

// open opens the store, and notes what it holds.
func (s *shop) open(policy store.Policy) {
	s.t.Helper()
	db, err := openStore(appFile(s.dir), policy)
	require.NoError(s.t, err)
	s.db = db
	s.note()
}

// note notes what the store holds as of its last transaction.
func (s *shop) note() {
	stats, _ := s.db.Stats()
	s.seq = stats.Appended
	s.history[s.seq] = dump(s.t, s.db)
	s.rec.acknowledge(stats.Durable)
}

// update changes keys of all types, in one transaction.
func (s *shop) update() {
	s.t.Helper()
	require.NoError(s.t, s.db.Update(func(tx *store.Tx) error {
		for range 1 + s.rng.IntN(4) {
			if err := s.change(tx); err != nil {
				return err
			}
		}
		return nil
	}, store.In(s.rng.IntN(2))))
	s.note()
}

// change changes one key.
func (s *shop) change(tx *store.Tx) error {
	n, text := s.rng.IntN(4), s.text()
	switch s.rng.IntN(10) {
	case 0:
		_, err := tx.Append(fmt.Sprint("string", n), []byte(text))
		return err
	case 1:
		list, err := tx.EditList(fmt.Sprint("list", n))
		if err == nil {
			list.PushFront([]byte(text))
		}
		return err
	case 2, 3:
		hash, err := tx.EditHash(fmt.Sprint("hash", n))
		if err == nil {
			hash.Set(fmt.Sprint("f", s.rng.IntN(20)), []byte(text))
		}
		return err
	case 4:
		set, err := tx.EditSet(fmt.Sprint("set", n))
		if err == nil {
			set.Add(text)
			set.Remove(fmt.Sprint(s.rng.IntN(10)))
			set.Add(fmt.Sprint(s.rng.IntN(10)))
		}
		return err
	case 5:
		zset, err := tx.EditZSet(fmt.Sprint("zset", n))
		if err == nil {
			zset.Add(fmt.Sprint("m", s.rng.IntN(20)), s.rng.NormFloat64(), 0)
		}
		return err
	case 6:
		_, err := tx.Expire(fmt.Sprint("hash", n), 1_800_000_000_000+s.rng.Int64N(1000))
		return err
	case 7:
		if !tx.Exists(fmt.Sprint("list", n)) {
			return nil
		}
		return tx.Copy(fmt.Sprint("list", n), 0, fmt.Sprint("copy", s.rng.IntN(3)))
	case 8:
		_, err := tx.Delete([]string{"string", "list", "set", "zset"}[s.rng.IntN(4)] + fmt.Sprint(n))
		return err
	}
	return tx.Set(fmt.Sprint("string", n), []byte(text))
}

// grow makes a large list and a large hash, of which deltas write what changed.
func (s *shop) grow() {
	s.t.Helper()
	require.NoError(s.t, s.db.Update(func(tx *store.Tx) error {
		list, err := tx.EditList("list0")
		if err != nil {
			return err
		}
		hash, err := tx.EditHash("hash0")
		for i := range 1500 {
			list.PushBack(fmt.Append(nil, "element ", i))
			hash.Set(fmt.Sprint("field ", i), fmt.Append(nil, i))
		}
		return err
	}))
	s.note()
}

func (s *shop) save() {
	s.t.Helper()
	require.NoError(s.t, s.db.Save())
	s.note()
}

func (s *shop) close() {
	s.t.Helper()
	require.NoError(s.t, s.db.Close())
	s.rec.acknowledge(s.seq)
}

// dump returns what a store holds.
func dump(t testing.TB, db *store.DB) content {
	c := content{}
	for i := range db.Databases() {
		s := db.SnapshotOf(i)
		for key := range s.Keys("*") {
			at, _ := s.Deadline(key)
			c[fmt.Sprint(i, " ", key)] = fmt.Sprint(at, " ", textOf(t, s, key))
		}
		s.Close()
	}
	return c
}

func textOf(t testing.TB, s *store.Snapshot, key string) string {
	var b strings.Builder
	switch v := s.Value(key).(type) {
	case *types.List:
		for _, e := range v.All() {
			b.Write(e)
			b.WriteByte(0)
		}
	case *types.Hash:
		var fields []string
		for f, e := range v.All() {
			fields = append(fields, f+"\x00"+string(e))
		}
		slices.Sort(fields)
		return strings.Join(fields, "\x00")
	case *types.Set:
		return strings.Join(slices.Sorted(v.All()), "\x00")
	case *types.ZSet:
		for _, m := range v.Ascend() {
			b.WriteString(m.Name)
			b.Write(strconv.AppendFloat(nil, m.Score, 'g', -1, 64))
		}
	default:
		value, err := s.Get(key)
		require.NoError(t, err)
		return string(value)
	}
	return b.String()
}

// readStore opens a store, reads it, and checks it.
func readStore(t testing.TB, policy store.Policy) func(path string) (content, uint64, error) {
	return func(path string) (content, uint64, error) {
		db, err := openStore(path, policy)
		if err != nil {
			return nil, 0, err
		}
		defer db.Close()
		stats, _ := db.Stats()
		return dump(t, db), stats.Appended, db.Check()
	}
}

func (x *explorer) runStore(name string, seed uint64, s *shop) {
	x.t.Helper()
	x.read, x.once = readStore(x.t, x.policy), true
	x.run(name, seed, s.world)
}

// The same with a store, and with values of all types.
func TestCrashOfStore(t *testing.T) {
	needHook(t)
	for _, policy := range []store.Policy{store.Always, store.EverySecond} {
		t.Run(policy.String(), func(t *testing.T) {
			for _, seed := range seeds() {
				s := newShop(t, seed, newMedia())
				s.open(policy)
				for i := range 5 {
					for range 5 {
						s.update()
					}
					if i == 1 {
						s.grow()
					}
					if s.rng.IntN(2) == 0 {
						s.tick()
					}
					if i == 3 {
						require.NoError(t, s.db.Compact())
						s.note()
					}
					s.save()
				}
				s.update()
				s.close()
				s.leave()
				newExplorer(t, policy).runStore("store "+policy.String(), seed, s)
			}
		})
	}
}

// tick lets a second pass.
func (s *shop) tick() {
	s.ticks <- time.Time{}
	s.ticks <- disk.Mark
	s.note()
}

// A file of the first version is opened, written to and brought up to date:
// whatever moment the power goes at, it is there, in one version or the other.
func TestCrashOfUpgrade(t *testing.T) {
	needHook(t)
	f, err := os.Open("../testdata/v1.db.gz")
	require.NoError(t, err)
	defer f.Close()
	zip, err := gzip.NewReader(f)
	require.NoError(t, err)
	old, err := io.ReadAll(zip)
	require.NoError(t, err)
	s := newShop(t, seeds()[0], loaded(map[string][]byte{"app.db": old}))
	db, err := store.Open(appFile(s.dir), &store.Options{Clock: stopped{}})
	require.NoError(t, err)
	s.db = db
	s.note()
	s.rec.acknowledge(s.seq)
	for range 2 {
		_, err := s.db.HSet("large hash snapshot", "new", []byte(s.text()))
		require.NoError(t, err)
		s.note()
		s.save()
	}
	s.close()
	s.leave()
	x := newExplorer(t, store.EverySecond)
	x.variants, x.once, x.skip = 1, true, 2 // the file is large
	x.read = func(path string) (content, uint64, error) {
		db, err := store.Open(path, &store.Options{Clock: stopped{}})
		if err != nil {
			return nil, 0, err
		}
		defer db.Close()
		stats, _ := db.Stats()
		return dump(t, db), stats.Appended, nil
	}
	x.run("upgrade", seeds()[0], s.world)
}

// What Recover makes appears whole or not at all.
func TestCrashOfRecover(t *testing.T) {
	needHook(t)
	w := newWorld(t, memoryDir(t), seeds()[0], newMedia())
	w.open(persist.Always)
	for range 20 {
		w.random()
	}
	w.close()
	w.leave()
	m, _ := w.rec.after(len(w.rec.events), 0)
	before := loaded(m.lose(keepAll, nil))
	rec, stop := record(w.dir, before)
	_, err := persist.Recover(appFile(w.dir), appFile(w.dir)+".new", func(string) { t.Error("there is no damage") })
	stop()
	require.NoError(t, err)
	dir, r := memoryDir(t), rand.New(rand.NewPCG(seeds()[0], 3))
	states, there := 0, 0
	m = before.clone()
	for point := range len(rec.events) + 1 {
		for how := range fates {
			require.NoError(t, lay(dir, m.lose(how, r)))
			states++
			name := appFile(dir) + ".new"
			if _, err := os.Stat(name); err != nil {
				require.Less(t, point, len(rec.events), "Recover has said that it is there")
				continue
			}
			there++
			f, c, err := load(name, persist.Always)
			require.NoError(t, err, "after event %d, fate %v", point, how)
			require.NoError(t, f.Close())
			require.Empty(t, c.differs(w.now))
		}
		if point < len(rec.events) {
			m.step(&rec.events[point], 0)
		}
	}
	t.Logf("recover: %d events, %d states, the new file was in %d", len(rec.events), states, there)
}
