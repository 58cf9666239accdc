package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A progress shows on a terminal how far something is that takes long. Where
// there is no terminal, and where nothing takes long, it shows nothing. It is
// used by one goroutine at a time.
type progress struct {
	w     io.Writer // nil: not a terminal
	title string
	width int
	next  time.Time // when to draw again: not before something has taken long
	drawn bool
}

const (
	progressAfter = 300 * time.Millisecond
	progressEvery = 100 * time.Millisecond
	progressBar   = 24 // characters
)

// newProgress returns one on stderr, if that is a terminal.
func newProgress(stderr io.Writer, title string) *progress {
	p := &progress{title: title, next: time.Now().Add(progressAfter)}
	if file, ok := stderr.(*os.File); ok {
		if width, ok := terminalWidth(file); ok {
			p.w, p.width = file, width
		}
	}
	return p
}

// show shows how much is done of total; 0: nobody knows of how much.
func (p *progress) show(done, total int64) { p.showing("", done, total) }

// showing is show with a word about what is being done.
func (p *progress) showing(what string, done, total int64) {
	if p.w == nil {
		return
	}
	if now := time.Now(); now.Before(p.next) {
		return
	} else {
		p.next = now.Add(progressEvery)
	}
	fmt.Fprintf(p.w, "\r%s\x1b[K", p.line(what, done, total))
	p.drawn = true
}

// line returns what is shown, cut to the width of the terminal.
func (p *progress) line(what string, done, total int64) string {
	text := "redstart: " + p.title
	if total > 0 {
		part := float64(min(max(done, 0), total)) / float64(total)
		bar := int(part * progressBar)
		text += fmt.Sprintf(" [%s%s] %3d %%", strings.Repeat("#", bar), strings.Repeat(".", progressBar-bar), int(part*100))
	}
	if what != "" {
		text += "  " + what
	}
	if runes := []rune(text); p.width > 1 && len(runes) >= p.width {
		text = string(runes[:p.width-1])
	}
	return text
}

// clear removes what is shown, so that something else can be written. It is
// shown again when there is more to show.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
