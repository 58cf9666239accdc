//go:build !unix

package main

import "os"

// giveTo does nothing: there are no sticky directories.
func giveTo(*os.File, string) error { return nil }

func replaceable(*os.File, string) error { return nil }
