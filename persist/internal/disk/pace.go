package disk

import (
	"path/filepath"
	"sync"
	"time"
)

// paces are the directories whose files have seconds of their own.
var paces sync.Map // of string, <-chan time.Time

// Mark is a tick that stands for no second: whoever has received it is done with
// the tick before, and does nothing.
var Mark = time.Unix(0, 0)

// Pace makes a second of the files in dir what ticks says, for tests, until
// stop is called. It concerns files opened meanwhile.
func Pace(dir string, ticks <-chan time.Time) (stop func()) {
	dir = filepath.Clean(dir)
	paces.Store(dir, ticks)
	return func() { paces.Delete(dir) }
}

// Seconds returns a channel that receives once a second, for the file at path,
// until stop is called.
func Seconds(path string) (ticks <-chan time.Time, stop func()) {
	if ticks, ok := paces.Load(filepath.Dir(path)); ok {
		return ticks.(<-chan time.Time), func() {}
	}
	ticker := time.NewTicker(time.Second)
	return ticker.C, ticker.Stop
}
