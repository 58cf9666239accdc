package wire

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A config is the Config of a running server, with what the server needs all
// the time at hand.
type config struct {
	Config
	live     atomic.Pointer[liveConfig]
	changing sync.Mutex // held to change the configuration or its file
}

// liveConfig is what follows from the directives for every client.
type liveConfig struct {
	password   string
	maxClients int
	idle       time.Duration // after which a client is closed; 0: never
	keepAlive  time.Duration // 0: none
	maxBulk    int
	maxQuery   int
	tracked    int         // the most keys that tracking remembers; 0: any number
	replies    outputLimit // of ordinary clients
	pushes     outputLimit // of subscribers
	protected  bool        // without a password, only clients of this machine
}

// newConfig gives s its configuration and makes it effective.
func newConfig(s *Server, opt *Options) {
	own := opt.Config.clone()
	c := &config{Config: Config{values: own.values, path: own.path, level: own.level}}
	if opt.Password != "" {
		c.put(findDirective("requirepass"), opt.Password)
	}
	if opt.MaxClients > 0 {
		c.put(findDirective("maxclients"), strconv.Itoa(opt.MaxClients))
	}
	if opt.Loops > 0 {
		c.put(findDirective("io-threads"), strconv.Itoa(min(opt.Loops, 128)))
	}
	s.config = c
	if len(c.values) == 0 { // as for every call of Do
		c.live.Store(defaultLive())
		return
	}
	for _, d := range directives {
		if value, ok := own.values[d]; ok && d.apply != nil {
			d.apply(s, value)
		}
	}
	limits := s.db.Limits()
	if c.applyLimits(&limits) {
		s.db.SetLimits(limits)
	}
	c.refresh(s)
}

// defaultLive is what follows from the defaults.
var defaultLive = sync.OnceValue(func() *liveConfig { return new(config).follow() })

// refresh brings c.live up to date.
func (c *config) refresh(s *Server) {
	c.live.Store(c.follow())
	s.reaper.set(s, c.live.Load().idle > 0)
	s.tracking.limit(c.live.Load().tracked)
}

// follow returns what follows from the directives.
func (c *config) follow() *liveConfig {
	return &liveConfig{
		password:   c.Get("requirepass"),
		maxClients: int(c.number("maxclients")),
		idle:       time.Duration(c.number("timeout")) * time.Second,
		keepAlive:  time.Duration(c.number("tcp-keepalive")) * time.Second,
		maxBulk:    int(c.number("proto-max-bulk-len")),
		maxQuery:   int(c.number("client-query-buffer-limit")),
		tracked:    int(c.number("tracking-table-max-keys")),
		replies:    limitOfClass(c.Get("client-output-buffer-limit"), "normal"),
		pushes:     limitOfClass(c.Get("client-output-buffer-limit"), "pubsub"),
		protected:  c.Get("protected-mode") == "yes",
	}
}

func (c *config) password() string { return c.live.Load().password }

func (c *config) maxClients() int { return c.live.Load().maxClients }

// errProtectedMode is what a client from elsewhere gets in protected mode.
const errProtectedMode = "DENIED Redis is running in protected mode because protected mode is enabled and no password is set " +
	"for the default user. In this mode connections are only accepted from the loopback interface. To connect from " +
	"other machines set a password (requirepass), or turn protected mode off if the network is safe (protected-mode no)."

// refuses reports whether a client is turned away for where it comes from.
func (c *liveConfig) refuses(nc net.Conn) bool {
	if !c.protected || c.password != "" {
		return false
	}
	tcp, ok := nc.RemoteAddr().(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}

// tune sets the options of a client's socket.
func (c *liveConfig) tune(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if c.keepAlive == 0 {
		tcp.SetKeepAlive(false)
		return
	}
	// As in Redis: given up after three probes, in about twice the time.
	tcp.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: c.keepAlive, Interval: max(time.Second, c.keepAlive/3), Count: 3,
	})
}

// A reaper closes clients that have been idle for too long, while it is on.
type reaper struct {
	mu   sync.Mutex
	stop func() bool // of the next look; nil: off
}

const reapEvery = time.Second

func (r *reaper) set(s *Server, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case on && r.stop == nil:
		r.stop = s.db.Clock().AfterFunc(reapEvery, func() { r.run(s) })
	case !on && r.stop != nil:
		r.stop()
		r.stop = nil
	}
}

// run looks at the clients. Those that are blocked or subscribed may be idle
// for as long as they like.
func (r *reaper) run(s *Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop == nil {
		return
	}
	limit := int64(s.config.live.Load().idle / time.Second)
	now := s.now().Unix()
	for _, x := range s.clients() {
		if x.card.parked.Load() == nil && x.card.kind() == "normal" && now-x.card.active.Load() > limit {
			x.link.hangUp()
		}
	}
	r.stop = s.db.Clock().AfterFunc(reapEvery, func() { r.run(s) })
}

func newRunID() string {
	var b [20]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
