package embedded

// An Engine is an opened library. What it does not offer is nil.
//
// Slices it returns may be its own: they are looked at at once and not kept.
// What it is given it must copy if it keeps it.
type Engine struct {
	// Get returns the value of key, in dst if the engine fills a buffer.
	Get func(dst []byte, key string) ([]byte, error)
	Set func(key string, value []byte) error
	// Load sets n keys at once. Without it they are Set one by one.
	Load func(n int, item func(i int) (string, []byte)) error
	// Incr adds one to a number kept as decimal text and returns the sum.
	Incr func(key string) (int64, error)
	// Update reads the values of three keys and replaces all of them by value,
	// atomically; it calls see with each old value.
	Update func(keys [3]string, value []byte, see func(old []byte) error) error

	HSet func(key, field string, value []byte) error
	HGet func(key, field string) ([]byte, error)
	// Fields replaces the hash at key by one of n fields, and Each calls yield
	// with all of them.
	Fields func(key string, n int, field func(i int) (string, []byte)) error
	Each   func(key string, yield func(value []byte)) error

	ZAdd  func(key, member string, score float64) error
	ZRank func(key, member string) (int, error)

	// Serial ones fail when several goroutines use them.
	Serial bool

	Close func() error
}

// A Library is an engine that can be opened.
type Library struct {
	Name string
	Note string // what is to be known about how it is used
	// Slow ones do a tenth of what others do, where a task would take minutes.
	Slow bool
	// Open opens it empty. Whatever files it needs are in dir.
	Open func(dir string) (*Engine, error)
}

// Redstart is what the others are measured against.
var Redstart = Library{Name: "redstart", Note: "in memory; GET is AppendGet into a buffer", Open: openRedstart}

// Peers are what Redstart is measured beside: first Redstart itself used in
// other ways, then the others.
var Peers = []Library{
	{Name: "redstart, copies", Note: "GET is Get, which returns a copy", Open: openCopies},
	{Name: "redstart, View", Note: "GET is Tx.Get in a View with Keys, which lends the bytes", Open: openViews},
	{Name: "redstart, file", Note: "with a file, synced every second", Open: openFile},
	{Name: "map", Note: "map[string][]byte under a sync.RWMutex; GET returns the map's own slice, SET stores a copy", Open: openMap},
	{Name: "xsync", Note: "xsync.Map[string, []byte]; GET returns the map's own slice, SET stores a copy", Open: openXsync},
	{Name: "otter", Note: "otter.Cache[string, []byte] without a limit; as xsync", Open: openOtter},
	{Name: "buntdb", Note: "in memory", Open: openBunt},
	{Name: "badger", Note: "in memory", Open: openBadger},
	{Name: "bbolt", Note: "a file, NoSync; a hash is a bucket", Slow: true, Open: openBolt},
	{Name: "redka", Note: "in memory, SQLite by modernc.org/sqlite (no cgo)", Slow: true, Open: openRedka},
	{Name: "miniredis", Note: "its Go methods", Open: openMiniredis},
}
