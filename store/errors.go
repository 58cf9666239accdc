package store

import (
	"errors"

	"redstart/persist"
	"redstart/types"
)

// Errors. Those of elements are the errors of package types, those of the
// file the errors of package persist, named here again so that a caller needs
// one package.
var (
	ErrWrongType  = errors.New("key holds a value of another type")
	ErrNoKey      = errors.New("no such key")
	ErrTooLarge   = errors.New("string would exceed the size limit")
	ErrTxReadOnly = errors.New("transaction is read-only")
	ErrUndeclared = errors.New("transaction touches a key it did not declare")
	ErrDatabase   = errors.New("database number is out of range")

	ErrNotInteger = types.ErrNotInteger
	ErrNotFloat   = types.ErrNotFloat
	ErrOverflow   = types.ErrOverflow
	ErrNaN        = types.ErrNaN
	ErrRange      = types.ErrRange

	ErrClosed   = persist.ErrClosed
	ErrReadOnly = persist.ErrReadOnly
	ErrCorrupt  = persist.ErrCorrupt
	ErrForeign  = persist.ErrForeign
	ErrNewer    = persist.ErrNewer
)

// A LockedError says which process has the file open.
type LockedError = persist.LockedError
