//go:build !unix

package wire

import "time"

// cpuTime returns the processor time the process has used: not known here.
func cpuTime() (system, user time.Duration) { return 0, 0 }
