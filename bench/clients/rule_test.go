package clients

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A rule rewrites one thing in a program's output that differs from run to run
// against the very same server, so that it can be compared.
type rule struct {
	name  string
	apply func(output string) string
}

// normalise applies rules to output in their order.
func normalise(output string, rules []rule) string {
	for _, r := range rules {
		output = r.apply(output)
	}
	return output
}

// replace is a rule that puts with in the place of whatever pattern matches.
func replace(name, pattern, with string) rule {
	re := regexp.MustCompile(pattern)
	return rule{name, func(s string) string { return re.ReplaceAllString(s, with) }}
}

var (
	// The programs print the time of day they stored.
	epochTime = replace("time in ms since 1970", `\b1[789]\d{11}\b`, "<ms>")
	isoTime   = replace("time in ISO 8601", `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`, "<time>")

	// A session's name is drawn at random by the program.
	sessionID = replace("random session id", `\b[0-9a-f]{64}\b`, "<id>")

	// How long the limiter's window is still open, and how long things took.
	millis  = replace("duration in ms", `\b\d+ms\b`, "<ms>")
	speedup = replace("speedup", `\b[\d.]+x faster`, "<n>x faster")
)

// setOrder sorts the members in a printed array: a set has no order.
func setOrder(label string) rule {
	re := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(label) + ` \[([^\]]*)\]`)
	return rule{"order of a set: " + label, func(s string) string {
		return re.ReplaceAllStringFunc(s, func(found string) string {
			members := strings.FieldsFunc(re.FindStringSubmatch(found)[1], func(r rune) bool {
				return r == ',' || r == ' ' || r == '\n'
			})
			slices.Sort(members)
			return label + " [ " + strings.Join(members, ", ") + " ]"
		})
	}}
}

// anyOf hides which of the given members was drawn. Another one stays visible.
func anyOf(label string, members ...string) rule {
	return replace("random member: "+label, `(?m)^`+regexp.QuoteMeta(label)+` (`+strings.Join(members, "|")+`)$`, label+" <member>")
}

// apart moves what begins with the prefix behind everything else, both in
// their own order. It is for a program that prints what arrives on two
// connections: which of the two is read first is a matter of chance.
func apart(prefix string) rule {
	return rule{"two connections: " + prefix, func(s string) string {
		var there, here []string
		for _, b := range blocks(s) {
			if strings.HasPrefix(b, prefix) {
				here = append(here, b)
				continue
			}
			there = append(there, b)
		}
		return strings.Join(there, "") + strings.Join(here, "")
	}}
}

// once drops what was printed before in the same words: ioredis goes on trying
// to connect, and says each time why it failed.
var once = rule{"repeated messages", func(s string) string {
	var kept []string
	for _, b := range blocks(s) {
		if !slices.Contains(kept, b) {
			kept = append(kept, b)
		}
	}
	return strings.Join(kept, "")
}}

// blocks cuts output into the things that were printed: a line and the
// indented ones, or closing brackets, that follow it.
func blocks(output string) []string {
	var found []string
	for line := range strings.Lines(output) {
		if len(found) > 0 && strings.ContainsAny(line[:1], " }]") {
			found[len(found)-1] += line
			continue
		}
		found = append(found, line)
	}
	return found
}

func TestRules(t *testing.T) {
	tests := []struct {
		rule     rule
		in, want string
	}{
		{epochTime, "at: 1795387273332,", "at: <ms>,"},
		{epochTime, "n: 179538727333", "n: 179538727333"},
		{isoTime, `"2026-11-22T22:41:01.203Z"`, `"<time>"`},
		{sessionID, "x " + strings.Repeat("0f", 32), "x <id>"},
		{millis, "resetIn: \"59962ms\"", "resetIn: \"<ms>\""},
		{speedup, "Speedup: 7.25x faster", "Speedup: <n>x faster"},
		{setOrder("Tags:"), "Tags: [ \"b\", \"a\" ]\nOther: [ \"b\", \"a\" ]", "Tags: [ \"a\", \"b\" ]\nOther: [ \"b\", \"a\" ]"},
		{setOrder("Tags:"), "Tags: [\n  \"b\",\n  \"a\"\n]", "Tags: [ \"a\", \"b\" ]"},
		{anyOf("Tag:", "a", "b"), "Tag: b\nTag: c\n", "Tag: <member>\nTag: c\n"},
		{once, "a {\n  b\n}\nc\na {\n  b\n}\nd", "a {\n  b\n}\nc\nd"},
		{apart("Got"), "Got: {\n  a: 1,\n}\nSent\nGot 2\n", "Sent\nGot: {\n  a: 1,\n}\nGot 2\n"},
	}
	for _, test := range tests {
		if got := test.rule.apply(test.in); got != test.want {
			t.Errorf("%s: %q becomes %q, want %q", test.rule.name, test.in, got, test.want)
		}
	}
}
