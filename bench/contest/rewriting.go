package contest

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"redstart/bench/load"
	"redstart/bench/report"
	"redstart/store"
)

// Rewriting measures how long it takes to write everything anew: in place of a
// file that is mostly free space, and as a backup.
func (c *Contest) Rewriting() (*report.Table, error) {
	t := &report.Table{
		Name:  "rewriting",
		Title: fmt.Sprintf("Writing the file anew, %d strings of 64 B of which every fourth is left, rounds: %d", c.Sizes.Keys, c.Sizes.Rounds),
		Notes: []string{"Ours is the library in this process: Compact, and BackupFile. Of redis-server it is BGREWRITEAOF of its append-only file, and SAVE. " +
			"Nothing else goes on. Size is that of the new file."},
		Subject:  "what",
		Measures: []report.Measure{{Name: "time", Unit: "ms"}, {Name: "before", Unit: "MiB", Plain: true}, {Name: "size", Unit: "MiB"}},
		Pairs:    []report.Pair{{Server: ours, Base: theirs}},
	}
	compact, backup := t.NewRow("compaction"), t.NewRow("backup")
	for round := range c.Sizes.Rounds {
		c.progress("rewriting, round %d", round+1)
		err := inTurn([]string{ours, theirs}, round, func(name string) error {
			rewrite := c.rewriteTheirs
			if name == ours {
				rewrite = c.rewriteOurs
			}
			compacted, saved, err := rewrite()
			compact.Add(name, compacted)
			backup.Add(name, saved)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// rewriteOurs fills the library, deletes all but every fourth key, and measures.
func (c *Contest) rewriteOurs() (compact, backup report.Sample, err error) {
	alone := &store.Options{MaxFree: -1, MaxJournal: 1 << 40} // nothing is written by itself
	err = inLibrary(withFile, alone, func(db *store.DB) error {
		for i := range c.Sizes.Keys {
			if err := db.Set(load.Key(i), []byte(text(i))); err != nil {
				return err
			}
		}
		if err := db.Save(); err != nil {
			return err
		}
		for i := range c.Sizes.Keys / 4 * 3 {
			if _, err := db.Delete(goes(i)); err != nil {
				return err
			}
		}
		if err := db.Sync(); err != nil {
			return err
		}
		if compact, err = rewritten(db.Path(), db.Path(), db.Compact); err != nil {
			return err
		}
		path := db.Path() + ".backup"
		backup, err = rewritten(db.Path(), path, func() error { return db.BackupFile(path) })
		return err
	})
	return compact, backup, err
}

// goes is key number i of those that are deleted.
func goes(i int) string { return load.Key(i/3*4 + i%3 + 1) }

// rewriteTheirs does the same with redis-server.
func (c *Contest) rewriteTheirs() (compact, backup report.Sample, err error) {
	s, err := c.stage(c.both("everysec")[1], fillTexts)
	if err != nil {
		return nil, nil, err
	}
	defer s.leave()
	err = s.use(func(f *load.Filler) {
		f.Fill(s.keys/4*3, []string{"UNLINK"}, func(args []string, i int) []string { return append(args, goes(i)) })
	})
	if err != nil {
		return nil, nil, err
	}
	aof := filepath.Join(s.Dir, "appendonlydir", "*")
	compact, err = rewritten(aof, aof, func() error { return s.behind("BGREWRITEAOF", "aof_rewrite_in_progress:0") })
	if err != nil {
		return nil, nil, err
	}
	backup, err = rewritten(aof, filepath.Join(s.Dir, "dump.rdb"), func() error {
		_, err := s.control.Do("SAVE")
		return err
	})
	return compact, backup, err
}

// rewritten returns how long f takes, the size of the files of one pattern
// before, and of those of another one after it.
func rewritten(from, to string, f func() error) (report.Sample, error) {
	before, err := sizeOf(from)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := f(); err != nil {
		return nil, err
	}
	took := time.Since(began)
	after, err := sizeOf(to)
	return report.Sample{millis(took), mebibytes(before), mebibytes(after)}, err
}

// sizeOf adds up the files whose paths match a pattern.
func sizeOf(pattern string) (size int64, err error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, nil
}
