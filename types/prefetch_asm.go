//go:build amd64 || arm64

package types

import "unsafe"

// prefetch asks the processor to fetch the line of memory at p. It waits for
// nothing, and p may be any address. Go has no other way to say that: a load
// whose value nobody needs has to arrive before what follows it is finished,
// and gained a third as much.
//
//go:noescape
func prefetch(p unsafe.Pointer)
