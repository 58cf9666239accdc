package wire

import (
	"crypto/rand"
	"encoding/hex"
	"sync/atomic"

	"redstart/wire/command"
)

// A config holds the settings of a server.
type config struct {
	pass    atomic.Pointer[string]
	clients atomic.Int64
}

func newConfig(s *Server, opt *Options) *config {
	c := new(config)
	c.pass.Store(&opt.Password)
	c.clients.Store(10000)
	if opt.MaxClients > 0 {
		c.clients.Store(int64(opt.MaxClients))
	}
	return c
}

func (c *config) password() string { return *c.pass.Load() }

func (c *config) maxClients() int { return int(c.clients.Load()) }

func newRunID() string {
	var b [20]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

var (
	clientCommands []command.Command
	serverCommands []command.Command
)
