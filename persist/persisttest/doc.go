// Package persisttest tests what a crash leaves of a database.
package persisttest
