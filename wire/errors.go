package wire

import (
	"errors"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
)

// Errors of the server itself.
const (
	errNoAuth      command.Error = "NOAUTH Authentication required."
	errWrongPass   command.Error = "WRONGPASS invalid username-password pair or user is disabled."
	errInternal    command.Error = "ERR internal error, see the server's log"
	errUnblocked   command.Error = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
	errExecAbort   command.Error = "EXECABORT Transaction discarded because of previous errors."
	errNestedMulti command.Error = "ERR MULTI calls can not be nested"
	errWatchMulti  command.Error = "ERR WATCH inside MULTI is not allowed"
	errNoMulti     command.Error = "ERR Command not allowed inside a transaction"
)

// spelling has the words Redis has for the errors of the store.
var spelling = []struct {
	err  error
	text string
}{
	{store.ErrWrongType, "WRONGTYPE Operation against a key holding the wrong kind of value"},
	{types.ErrNotInteger, "ERR value is not an integer or out of range"},
	{types.ErrNotFloat, "ERR value is not a valid float"},
	{types.ErrOverflow, "ERR increment or decrement would overflow"},
	{types.ErrNaN, "ERR increment would produce NaN or Infinity"},
	{types.ErrRange, "ERR index out of range"},
	{store.ErrTooLarge, "ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
	{store.ErrNoKey, "ERR no such key"},
	{store.ErrDatabase, "ERR DB index is out of range"},
	{store.ErrClosed, "ERR the server is shutting down"},
}

// spell returns the text that a client gets for err.
func spell(err error) string {
	var e command.Error
	if errors.As(err, &e) {
		return string(e)
	}
	if errors.Is(err, store.ErrReadOnly) {
		return "MISCONF Errors writing to the AOF file: " + err.Error()
	}
	for _, s := range spelling {
		if errors.Is(err, s.err) {
			return s.text
		}
	}
	return "ERR " + err.Error()
}
