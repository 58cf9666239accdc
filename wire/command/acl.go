package command

import "strings"

// Categories is a set of ACL categories.
type Categories uint32

// The categories, in the order in which ACL CAT and COMMAND list them.
const (
	ACLKeyspace Categories = 1 << iota
	ACLRead
	ACLWrite
	ACLSet
	ACLSortedSet
	ACLList
	ACLHash
	ACLString
	ACLBitmap
	ACLHyperLogLog
	ACLGeo
	ACLStream
	ACLPubSub
	ACLAdmin
	ACLFast
	ACLSlow
	ACLBlocking
	ACLDangerous
	ACLConnection
	ACLTransaction
	ACLScripting

	// ACLNone, as an override, is no category but those implied by flags.
	ACLNone Categories = 1 << 31
)

var categoryNames = [...]string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string",
	"bitmap", "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow",
	"blocking", "dangerous", "connection", "transaction", "scripting",
}

// groupCategory has the category of a group's commands, where there is one.
var groupCategory = map[string]Categories{
	"bitmap":       ACLBitmap,
	"connection":   ACLConnection,
	"generic":      ACLKeyspace,
	"geo":          ACLGeo,
	"hash":         ACLHash,
	"hyperloglog":  ACLHyperLogLog,
	"list":         ACLList,
	"scripting":    ACLScripting,
	"set":          ACLSet,
	"sorted-set":   ACLSortedSet,
	"stream":       ACLStream,
	"string":       ACLString,
	"transactions": ACLTransaction,
}

// CategoryNames returns the names of all categories, in order.
func CategoryNames() []string { return append([]string(nil), categoryNames[:]...) }

// Category returns the category called name, in any case and without the @.
// It reports false if there is none.
func Category(name string) (Categories, bool) {
	for i, n := range categoryNames {
		if strings.EqualFold(n, name) {
			return 1 << i, true
		}
	}
	return 0, false
}

// Names returns the categories' names without the @, in order.
func (c Categories) Names() []string {
	names := []string{}
	for i, name := range categoryNames {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// categories derives the categories of c from its group, unless ACL is given,
// and from its flags.
func categories(c *Command) Categories {
	cat := c.ACL
	if cat == 0 && !c.Container() {
		cat = groupCategory[c.Group]
	}
	cat &^= ACLNone
	for _, rule := range [...]struct {
		flag Flags
		cat  Categories
	}{
		{Write, ACLWrite},
		{Admin, ACLAdmin | ACLDangerous},
		{PubSub, ACLPubSub},
		{Blocking, ACLBlocking},
		{Fast, ACLFast},
	} {
		if c.Flags&rule.flag != 0 {
			cat |= rule.cat
		}
	}
	if c.Flags&Read != 0 && cat&ACLScripting == 0 { // a script may well do more than read
		cat |= ACLRead
	}
	if c.Flags&Fast == 0 {
		cat |= ACLSlow
	}
	return cat
}
