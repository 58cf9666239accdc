package command

import "strings"

// helpWidth is the width to which help text is wrapped.
const helpWidth = 80

// Help returns the lines that the HELP sub-command of a container answers,
// derived from the usage lines and summaries of its sub-commands.
func (c *Command) Help() []string {
	lines := []string{c.Name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	for i := range c.Sub {
		sub := &c.Sub[i]
		if sub.Name == "HELP" {
			continue
		}
		var usage strings.Builder
		usage.WriteString(sub.Name)
		if len(sub.tree.Nodes) > 0 {
			usage.WriteByte(' ')
			sub.tree.help(&usage, true)
		}
		lines = appendWrapped(append(lines, usage.String()), sub.Summary)
	}
	return append(lines, "HELP", "    Prints this help.")
}

// appendWrapped appends text, indented and in lines of helpWidth.
func appendWrapped(lines []string, text string) []string {
	if text == "" {
		return lines
	}
	const indent = "   "
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > helpWidth {
			lines = append(lines, line)
			line = indent
		}
		line += " " + word
	}
	return append(lines, line)
}

// help writes n as help texts do: <placeholder>, (THIS|THAT), [optional].
func (n *Node) help(b *strings.Builder, bare bool) {
	switch n.Kind {
	case Word:
		b.WriteString(n.Name)
	case Value, KeyName:
		b.WriteString("<" + n.Name + ">")
	case Sequence:
		for i, part := range n.Nodes {
			if i > 0 {
				b.WriteByte(' ')
			}
			part.help(b, false)
		}
	case Choice:
		if !bare {
			b.WriteByte('(')
			defer b.WriteByte(')')
		}
		for i, alt := range n.Nodes {
			if i > 0 {
				b.WriteByte('|')
			}
			alt.help(b, false)
		}
	case Optional:
		b.WriteByte('[')
		n.Nodes[0].help(b, true)
		b.WriteByte(']')
	case Repeat:
		n.Nodes[0].help(b, false)
		b.WriteString(" [")
		n.Nodes[0].help(b, false)
		b.WriteString(" ...]")
	}
}
