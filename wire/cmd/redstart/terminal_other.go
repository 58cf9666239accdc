//go:build !unix

package main

import "os"

// terminalWidth would tell how wide the terminal f is.
func terminalWidth(*os.File) (width int, ok bool) { return 0, false }
