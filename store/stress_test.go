package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// A stress is a database that goroutines use in all ways at once.
type stress struct {
	t      *testing.T
	db     *DB
	ctx    context.Context
	pushed atomic.Int64
	popped atomic.Int64
}

const (
	stressAccounts = 10
	stressMoney    = 1000 // in all accounts together
)

func account(i int) string { return fmt.Sprint("account:", i%stressAccounts) }

// TestStress is of use under the race detector. The money is constant in every
// transaction, snapshot and fork, and no job is lost or done twice.
func TestStress(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	d := time.Second
	if testing.Short() {
		d = d / 5
	}
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := Open(path, &Options{MaxJournal: 64 << 10})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	s := &stress{t: t, db: db, ctx: ctx}
	for i := range stressAccounts {
		require.NoError(t, db.Set(account(i), []byte(fmt.Sprint(stressMoney/stressAccounts))))
	}
	var wg sync.WaitGroup
	for i, work := range []func(*rand.Rand){
		s.transfer, s.transfer, s.push, s.push, s.pop, s.pop, s.pop, s.watch, s.edit, s.edit, s.look, s.fork, s.save, s.expire, s.scan,
	} {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for ctx.Err() == nil {
				work(r)
			}
		})
	}
	wg.Wait()
	require.NoError(t, db.View(func(tx *Tx) error {
		require.EqualValues(t, stressMoney, money(t, tx))
		l, err := tx.List("jobs")
		require.EqualValues(t, s.pushed.Load(), s.popped.Load()+int64(l.Len()))
		return err
	}))
	require.Zero(t, db.Waiting())
	require.Zero(t, db.watches.count.Load())
	require.NoError(t, db.Check())
	s.reopen(path)
	noneLeft(t, goroutines)
}

// noneLeft requires that there are only so many goroutines as before, soon.
func noneLeft(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("goroutines are left behind:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// reopen compares what is in the file with what was in memory. Nothing
// expires while it does.
func (s *stress) reopen(path string) {
	_, err := s.db.Delete("expires:0", "expires:1", "expires:2")
	require.NoError(s.t, err)
	before := textOf(s.t, s.db.Snapshot().Tx)
	require.NoError(s.t, s.db.Close())
	db, err := Open(path, nil)
	require.NoError(s.t, err)
	require.Equal(s.t, before, textOf(s.t, db.Snapshot().Tx))
	require.NoError(s.t, db.Check())
	require.NoError(s.t, db.Close())
}

func (s *stress) must(err error) {
	if err != nil {
		s.t.Error(err)
	}
}

func money(t *testing.T, tx *Tx) (sum int64) {
	for i := range stressAccounts {
		b, err := tx.Get(account(i))
		if err != nil {
			t.Error(err)
		}
		n, ok := types.ParseInt(b)
		if !ok {
			t.Errorf("account %d holds %q", i, b)
		}
		sum += n
	}
	return sum
}

// transfer moves money, and half of the time fails in the middle.
func (s *stress) transfer(r *rand.Rand) {
	from := r.IntN(stressAccounts)
	to := from + 1 + r.IntN(stressAccounts-1)
	fail := r.IntN(2) == 0
	var opts []TxOption
	if r.IntN(4) != 0 {
		opts = append(opts, Keys(account(from), account(to)))
	}
	err := s.db.Update(func(tx *Tx) error {
		if _, err := tx.Incr(account(from), -1); err != nil {
			return err
		}
		if fail {
			return errStop
		}
		_, err := tx.Incr(account(to), 1)
		return err
	}, opts...)
	if !errors.Is(err, errStop) {
		s.must(err)
	}
}

func (s *stress) push(r *rand.Rand) {
	jobs := make([][]byte, 1+r.IntN(3))
	s.pushed.Add(int64(len(jobs)))
	if r.IntN(2) == 0 {
		_, err := s.db.RPush("jobs", jobs...)
		s.must(err)
		return
	}
	s.must(s.db.Update(func(tx *Tx) error {
		l, err := tx.EditList("jobs")
		if err != nil {
			return err
		}
		for _, j := range jobs {
			l.PushFront(j)
		}
		return nil
	}, Keys("jobs")))
}

// pop waits for a job, for a moment only.
func (s *stress) pop(r *rand.Rand) {
	ctx, cancel := context.WithTimeout(s.ctx, time.Duration(r.IntN(2000))*time.Microsecond)
	defer cancel()
	for {
		_, _, err := s.db.BLPop(ctx, "jobs:urgent", "jobs")
		if err != nil {
			if ctx.Err() == nil {
				s.must(err)
			}
			return
		}
		s.popped.Add(1)
	}
}

// watch does what WATCH, MULTI and EXEC do: it moves money if nobody else did.
func (s *stress) watch(r *rand.Rand) {
	from := r.IntN(stressAccounts)
	to := from + 1 + r.IntN(stressAccounts-1)
	var locks LockSet
	locks.Add(s.db, account(from))
	locks.Add(s.db, account(to))
	tx := s.db.NewTx()
	var w Watch
	defer s.db.Unwatch(&w)
	s.must(tx.Begin(locks, false))
	tx.Watch(&w, account(from))
	tx.Watch(&w, account(to))
	before, err := tx.Get(account(from))
	s.must(err)
	n, _ := types.ParseInt(before)
	s.must(tx.End())

	s.must(tx.Begin(locks, true))
	if !w.Changed(tx) {
		s.must(tx.Set(account(from), []byte(fmt.Sprint(n-1))))
		_, err := tx.Incr(account(to), 1)
		s.must(err)
	}
	s.must(tx.End())
}

// edit changes collections.
func (s *stress) edit(r *rand.Rand) {
	field := fmt.Sprint(r.IntN(1000))
	_, err := s.db.HSet("hash", field, []byte(field))
	s.must(err)
	_, err = s.db.ZIncr("zset", field, 1)
	s.must(err)
	_, err = s.db.SAdd(fmt.Sprint("set:", r.IntN(3)), field)
	s.must(err)
	err = s.db.Update(func(tx *Tx) error {
		z, err := tx.EditZSet("zset")
		if err != nil {
			return err
		}
		z.RemoveRange(0, 1)
		set, err := tx.EditSet("set:0")
		if err != nil {
			return err
		}
		set.Remove(field)
		if err := tx.Copy("hash", 0, "hash:copy"); err != nil {
			return err
		}
		if r.IntN(2) == 0 {
			return errStop
		}
		return tx.Rename("set:0", 0, "set:1")
	})
	if !errors.Is(err, errStop) && !errors.Is(err, ErrNoKey) {
		s.must(err)
	}
}

// look reads, in several goroutines at once if it is a snapshot.
func (s *stress) look(r *rand.Rand) {
	s.must(s.db.View(func(tx *Tx) error {
		if n := money(s.t, tx); n != stressMoney {
			s.t.Errorf("%d in a View", n)
		}
		return nil
	}))
	snap := s.db.Snapshot()
	defer snap.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 2 {
		wg.Go(func() {
			if n := money(s.t, snap.Tx); n != stressMoney {
				s.t.Errorf("%d in a Snapshot", n)
			}
			z, err := snap.ZSet("zset")
			s.must(err)
			for range z.Ascend() {
			}
			h, err := snap.Hash("hash")
			s.must(err)
			for range h.All() {
			}
		})
	}
}

// fork writes to a copy of everything.
func (s *stress) fork(r *rand.Rand) {
	f := s.db.Fork()
	defer func() { s.must(f.Close()) }()
	on := &stress{t: s.t, db: f, ctx: s.ctx}
	for range 10 {
		on.edit(r)
		on.transfer(r)
		on.push(r)
	}
	s.must(f.View(func(tx *Tx) error {
		if n := money(s.t, tx); n != stressMoney {
			s.t.Errorf("%d in a Fork", n)
		}
		return nil
	}))
	s.must(f.Check())
}

func (s *stress) save(r *rand.Rand) {
	if err := s.db.Save(); !errors.Is(err, ErrSaving) {
		s.must(err)
	}
	if r.IntN(4) == 0 {
		s.must(s.db.Sync())
	}
}

func (s *stress) expire(r *rand.Rand) {
	key := fmt.Sprint("expires:", r.IntN(3))
	s.must(s.db.Batch().Set(key, nil).Expire(key, time.Duration(r.IntN(3))*time.Millisecond).Commit())
	_, err := s.db.Append(key, []byte("x"))
	s.must(err)
	_, err = s.db.Expire(key, time.Millisecond)
	s.must(err)
}

// scan deletes while it iterates.
func (s *stress) scan(*rand.Rand) {
	s.must(s.db.Update(func(tx *Tx) error {
		for key := range tx.Keys("set:*") {
			if _, err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	}))
}
