package durable

import (
	"io/fs"
	"path/filepath"

	"redstart/bench/peer"
)

// FileSizes are how much the same data takes in the files of both servers.
type FileSizes struct {
	Keys    int
	Written int64 // our file when the data has just been written: with journal
	Saved   int64 // our file after a save
	AOF     int64 // of redis-server, as it was written
	RDB     int64 // of redis-server
}

// Sizes gives both servers the data and looks at their files.
func Sizes(redstart, redis peer.Program, d Data) (*FileSizes, error) {
	sizes := &FileSizes{Keys: d.Keys()}
	err := filled(redstart, d, func(s *peer.Server) (err error) {
		if sizes.Written, err = sizeOf(s.Dir); err != nil {
			return err
		}
		if err = save(s.Addr()); err != nil {
			return err
		}
		sizes.Saved, err = sizeOf(s.Dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = filled(redis, d, func(s *peer.Server) (err error) {
		if sizes.AOF, err = sizeOf(s.Dir); err != nil {
			return err
		}
		if err = save(s.Addr()); err != nil {
			return err
		}
		both, err := sizeOf(s.Dir)
		sizes.RDB = both - sizes.AOF
		return err
	})
	return sizes, err
}

// filled starts a server with a file, fills it and stops it after do.
func filled(p peer.Program, d Data, do func(s *peer.Server) error) error {
	s, err := p.Start(&peer.Options{Sync: "everysec"})
	if err != nil {
		return err
	}
	if err = d.fill(s.Addr()); err == nil {
		err = do(s)
	}
	if stopped := s.Stop(); err == nil {
		err = stopped
	}
	return err
}

// sizeOf returns the bytes that the files in and below a directory take on disk.
func sizeOf(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}
