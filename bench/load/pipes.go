package load

import (
	"context"
	"errors"
	"net"
	"time"
)

// A pipe is a connection in memory, which knows no epoll. It has a goroutine
// that receives, and in a closed loop another one that sends: one for both
// would wait for a server that waits for it to take its replies.
type pipe struct {
	*conn
	nc       net.Conn
	answered chan error // in a closed loop: nil for each batch answered; then why receiving ended
}

// pipes carries out the run over connections in memory.
func (r *run) pipes(ctx context.Context) error {
	var pipes []*pipe
	defer func() {
		for _, p := range pipes {
			p.nc.Close()
		}
	}()
	for _, c := range r.conns {
		nc, err := r.load.Dial(ctx, "", "")
		if err != nil {
			return err
		}
		pipes = append(pipes, &pipe{conn: c, nc: nc, answered: make(chan error, 1)})
	}
	sharpenTimers()
	r.result.Began = time.Now()
	if r.load.Rate == 0 {
		return closedLoop(pipes)
	}
	return r.openLoop(pipes)
}

// openLoop sends what is due on one connection after the other.
func (r *run) openLoop(pipes []*pipe) error {
	failed := make(chan error, len(pipes))
	for _, p := range pipes {
		go func() { failed <- p.receive(func() {}) }()
	}
	for turn := 0; ; turn++ {
		due := r.due()
		for wait := due - r.now(); wait > 0; wait = due - r.now() {
			sleep(wait)
		}
		p := pipes[turn%len(pipes)]
		batch := r.take(p.conn, due)
		if batch == nil {
			return r.drain(failed)
		}
		if _, err := p.nc.Write(batch); err != nil {
			return err
		}
	}
}

// drain waits until nothing is under way any more.
func (r *run) drain(failed <-chan error) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !r.idle() {
		select {
		case err := <-failed:
			return err
		case <-late.C:
			return errors.New("load: the last replies did not come")
		case <-tick.C:
		}
	}
	return nil
}

// closedLoop sends a batch on each connection, and the next when the replies
// are there.
func closedLoop(pipes []*pipe) error {
	ended := make(chan error, len(pipes))
	for _, p := range pipes {
		go func() { p.answered <- p.receive(func() { p.answered <- nil }) }()
		go func() { ended <- p.repeat() }()
	}
	for range pipes {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// repeat sends batches, each when the one before is answered, until the run is
// over.
func (p *pipe) repeat() error {
	for {
		batch := p.run.take(p.conn, p.run.now())
		if batch == nil {
			return nil
		}
		if _, err := p.nc.Write(batch); err != nil {
			return err
		}
		if err := <-p.answered; err != nil {
			return err
		}
	}
}

// receive takes in replies until the connection is closed, and calls answered
// after each batch.
func (p *pipe) receive(answered func()) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.nc.Read(buf)
		if err != nil {
			return err
		}
		batches, err := p.received(buf[:n])
		if err != nil {
			return err
		}
		for range batches {
			answered()
		}
	}
}
