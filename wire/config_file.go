package wire

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"redstart/wire/resp"
)

// maxIncludes is how deep files can include each other.
const maxIncludes = 16

// A ConfigError is what is wrong in a redis.conf, or why it cannot be read.
type ConfigError struct {
	File string
	Line int // 0 if it is not about a line
	Err  error
}

func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

func (e *ConfigError) Unwrap() error { return e.Err }

// ReadFile sets the directives of a redis.conf. Errors are *ConfigErrors and
// name the file and the line. What was set before the error stays set.
func (c *Config) ReadFile(path string) error {
	if err := c.readFile(path, 0); err != nil {
		return err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	c.path = abs
	return nil
}

func (c *Config) readFile(path string, depth int) error {
	if depth > maxIncludes {
		err := fmt.Errorf("%s: files include each other more than %d deep", path, maxIncludes)
		return &ConfigError{File: path, Err: err}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return &ConfigError{File: path, Err: err}
	}
	for i, line := range strings.Split(string(data), "\n") {
		if err := c.readLine(strings.TrimSpace(line), depth); err != nil {
			return &ConfigError{File: path, Line: i + 1, Err: err}
		}
	}
	return nil
}

// readLine sets the directive of one line: a name and words, in quotes if they
// hold spaces, or nothing, or a comment.
func (c *Config) readLine(line string, depth int) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	args, err := resp.SplitLine([]byte(line))
	if err != nil {
		return fmt.Errorf("unbalanced quotes in '%s'", line)
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = string(a)
	}
	if len(words) == 0 {
		return nil
	}
	if !strings.EqualFold(words[0], "include") {
		return c.Set(words[0], words[1:]...)
	}
	if len(words) != 2 {
		return fmt.Errorf("include wants the name of a file")
	}
	return c.include(words[1], depth)
}

// include reads the files that match pattern, in the order of their names.
func (c *Config) include(pattern string, depth int) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("include %s: %w", pattern, err)
	}
	if len(files) == 0 && !strings.ContainsAny(pattern, "*?[") {
		files = []string{pattern}
	}
	for _, f := range files {
		if err := c.readFile(f, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// splitWords splits the value of a directive of several words, given as one.
func splitWords(s string) []string {
	args, err := resp.SplitLine([]byte(s))
	if err != nil {
		return []string{s}
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = string(a)
	}
	return words
}
