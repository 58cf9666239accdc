package store

import "time"

// A Clock tells the time and waits for it. Everything in a database that
// depends on time, except when its file is flushed, asks its Clock.
type Clock interface {
	// Now returns the present time.
	Now() time.Time
	// AfterFunc calls f once, in a goroutine of its own, when d has passed.
	// The function it returns stops that; it reports whether it was in time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// systemClock is the Clock of the machine.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}
