package persist

import "redstart/types"

// The ops on whole keys. They follow a types.OpPlace, which names the key they
// are about, except OpFlush and OpSwap, which need none. Each is listed with
// the fields of types.Effect it uses and the write command of Redis it is the
// same as. Their numbers are written to files and never change.
const (
	OpSet      = types.OpStore + 0 // A value, N deadline in unix ms or 0, M mark: SET key A PXAT N
	OpDelete   = types.OpStore + 1 // DEL key
	OpExpire   = types.OpStore + 2 // N deadline in unix ms: PEXPIREAT key N; N = 0: PERSIST key
	OpAppend   = types.OpStore + 3 // A: APPEND key A
	OpSetRange = types.OpStore + 4 // N, A: SETRANGE key N A
	OpRename   = types.OpStore + 5 // A new key, N its database, M as of OpPlace: RENAME key A, or MOVE key N
	OpCopy     = types.OpStore + 6 // A new key, N its database, M as of OpPlace: COPY key A DB N REPLACE
	OpFlush    = types.OpStore + 7 // N: FLUSHDB of database N; N = -1: FLUSHALL
	OpSwap     = types.OpStore + 8 // N, M: SWAPDB N M
)
