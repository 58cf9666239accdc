package embedded

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A Task is an operation to do many times. It says what it needs of an engine
// and prepares one; the function it returns does the operation at least n times
// in one go, and returns how often it did.
type Task struct {
	Name string
	What string // how a table describes it
	// Wall tasks use several goroutines: the time that passes counts, and not
	// that of the processors.
	Wall bool
	Has  func(e *Engine) bool
	New  func(e *Engine, d *Data) (func(n int) (int, error), error)
}

// Tasks are all there are but the parallel mix.
var Tasks = []Task{
	{
		Name: "get", What: "GET, the value is looked at",
		Has: func(e *Engine) bool { return e.Get != nil },
		New: get(func(d *Data, i int, value []byte) error { return d.verify(i, value) }),
	},
	{
		Name: "get-unseen", What: "GET, of the value only the length is looked at",
		Has: func(e *Engine) bool { return e.Get != nil },
		New: get(func(d *Data, i int, value []byte) error {
			if len(value) != valueSize {
				return d.wrong(i, value)
			}
			return nil
		}),
	},
	{
		Name: "get-next", What: "GET, each value names the next key",
		Has: func(e *Engine) bool { return e.Get != nil }, New: getNext,
	},
	{Name: "set", What: "SET, the same size", Has: func(e *Engine) bool { return e.Set != nil }, New: set},
	{Name: "incr", What: "INCR", Has: func(e *Engine) bool { return e.Incr != nil }, New: incr},
	{
		Name: "update", What: "a transaction that reads and sets three keys",
		Has: func(e *Engine) bool { return e.Update != nil }, New: update,
	},
	{Name: "hset", What: "HSET in one hash", Has: func(e *Engine) bool { return e.HSet != nil }, New: hset},
	{Name: "hget", What: "HGET in one hash", Has: func(e *Engine) bool { return e.HGet != nil }, New: hget},
	{Name: "zadd", What: "ZADD, a new score in one sorted set", Has: func(e *Engine) bool { return e.ZAdd != nil }, New: zadd},
	{Name: "zrank", What: "ZRANK in one sorted set", Has: func(e *Engine) bool { return e.ZRank != nil }, New: zrank},
	{Name: "each", What: "a field of a hash that is iterated over", Has: func(e *Engine) bool { return e.Each != nil }, New: each},
}

const valueSize = 64

// Data are the keys and values of a task. Value i holds i, the number of the
// key that comes after it in a cycle through all of them, and padding.
type Data struct {
	Keys   []string // also fields and members
	Fields int      // of the hash that is iterated over
	next   []uint64
	order  []int // in which they are stored, which is not that of Keys
}

// NewData makes data of n keys and of a hash of so many fields. Keys of 16
// bytes come in random order, each in memory of its own, so that nobody
// profits from what lies in a row or from comparing pointers.
func NewData(n, fields int) *Data {
	d := &Data{Keys: make([]string, n), Fields: fields, next: make([]uint64, n)}
	r := rand.New(rand.NewPCG(1, 2))
	for i, name := range r.Perm(n) {
		d.Keys[i] = fmt.Sprintf("key:%012d", name)
	}
	cycle := r.Perm(n)
	for i, at := range cycle {
		d.next[at] = uint64(cycle[(i+1)%n])
	}
	d.order = r.Perm(n)
	return d
}

// value returns value i, in buf, which has room for it.
func (d *Data) value(buf []byte, i int) []byte {
	buf = buf[:valueSize]
	binary.LittleEndian.PutUint64(buf, uint64(i))
	binary.LittleEndian.PutUint64(buf[8:], d.next[i])
	return buf
}

// verify returns an error unless value is that of key i.
func (d *Data) verify(i int, value []byte) error {
	if len(value) != valueSize || binary.LittleEndian.Uint64(value) != uint64(i) {
		return d.wrong(i, value)
	}
	return nil
}

func (d *Data) wrong(i int, value []byte) error {
	return fmt.Errorf("%s holds %x", d.Keys[i], value)
}

// fill stores all keys. Whatever the engine keeps of a key is a copy.
func (d *Data) fill(e *Engine) error {
	buf := make([]byte, valueSize)
	item := func(i int) (string, []byte) {
		i = d.order[i]
		return strings.Clone(d.Keys[i]), d.value(buf, i)
	}
	if e.Load != nil {
		return e.Load(len(d.Keys), item)
	}
	for i := range d.Keys {
		if err := e.Set(item(i)); err != nil {
			return err
		}
	}
	return nil
}

// turns returns what does step for one key after the other, round and round.
func (d *Data) turns(step func(i int) error) func(n int) (int, error) {
	i := 0
	return func(n int) (int, error) {
		for range n {
			if err := step(i); err != nil {
				return n, err
			}
			if i++; i == len(d.Keys) {
				i = 0
			}
		}
		return n, nil
	}
}

func get(verify func(d *Data, i int, value []byte) error) func(e *Engine, d *Data) (func(int) (int, error), error) {
	return func(e *Engine, d *Data) (func(int) (int, error), error) {
		buf := make([]byte, 0, 2*valueSize)
		return d.turns(func(i int) error {
			value, err := e.Get(buf, d.Keys[i])
			if err != nil {
				return err
			}
			return verify(d, i, value)
		}), d.fill(e)
	}
}

func getNext(e *Engine, d *Data) (func(int) (int, error), error) {
	buf := make([]byte, 0, 2*valueSize)
	i := 0
	return d.turns(func(int) error {
		value, err := e.Get(buf, d.Keys[i])
		if err != nil {
			return err
		}
		if err := d.verify(i, value); err != nil {
			return err
		}
		i = int(binary.LittleEndian.Uint64(value[8:]))
		return nil
	}), d.fill(e)
}

// set writes values that differ from round to round in their padding, and reads
// some of them back at the end of each go.
func set(e *Engine, d *Data) (func(int) (int, error), error) {
	buf := make([]byte, valueSize)
	sets := uint64(0)
	last := make([]uint64, len(d.Keys))
	run := d.turns(func(i int) error {
		sets++
		last[i] = sets
		value := d.value(buf, i)
		binary.LittleEndian.PutUint64(value[16:], sets)
		return e.Set(d.Keys[i], value)
	})
	return func(n int) (int, error) {
		n, err := run(n)
		if e.Get == nil {
			return n, err
		}
		for i := 0; i < len(d.Keys) && err == nil; i += len(d.Keys)/8 + 1 {
			var value []byte
			if value, err = e.Get(nil, d.Keys[i]); err == nil {
				err = d.verify(i, value)
			}
			if err == nil && binary.LittleEndian.Uint64(value[16:]) != last[i] {
				err = d.wrong(i, value)
			}
		}
		return n, err
	}, d.fill(e)
}

func incr(e *Engine, d *Data) (func(int) (int, error), error) {
	counts := make([]int64, len(d.Keys))
	return d.turns(func(i int) error {
		counts[i]++
		n, err := e.Incr(d.Keys[i])
		if err == nil && n != counts[i] {
			err = fmt.Errorf("%s is %d after INCR, not %d", d.Keys[i], n, counts[i])
		}
		return err
	}), nil
}

// update verifies that each of the keys holds what the transaction that came
// last to it has left.
func update(e *Engine, d *Data) (func(int) (int, error), error) {
	buf := make([]byte, valueSize)
	stamps := make([]uint64, len(d.Keys))
	for i := range stamps {
		stamps[i] = uint64(i) // what value i begins with
	}
	count, j, first := uint64(1<<32), 0, 0
	see := func(old []byte) error {
		i := (first + j) % len(d.Keys)
		if len(old) != valueSize || binary.LittleEndian.Uint64(old) != stamps[i] {
			return d.wrong(i, old)
		}
		stamps[i] = count
		j++
		return nil
	}
	return d.turns(func(i int) error {
		count++
		first, j = i, 0
		binary.LittleEndian.PutUint64(buf, count)
		keys := [3]string{d.Keys[i], d.Keys[(i+1)%len(d.Keys)], d.Keys[(i+2)%len(d.Keys)]}
		if err := e.Update(keys, buf, see); err != nil {
			return err
		}
		if j != 3 {
			return fmt.Errorf("a transaction saw %d values", j)
		}
		return nil
	}), d.fill(e)
}

func (d *Data) fillHash(e *Engine) error {
	buf := make([]byte, valueSize)
	for _, i := range d.order {
		if err := e.HSet("hash", strings.Clone(d.Keys[i]), d.value(buf, i)); err != nil {
			return err
		}
	}
	return nil
}

func hset(e *Engine, d *Data) (func(int) (int, error), error) {
	buf := make([]byte, valueSize)
	sets := uint64(0)
	return d.turns(func(i int) error {
		sets++
		value := d.value(buf, i)
		binary.LittleEndian.PutUint64(value[16:], sets)
		return e.HSet("hash", d.Keys[i], value)
	}), d.fillHash(e)
}

func hget(e *Engine, d *Data) (func(int) (int, error), error) {
	return d.turns(func(i int) error {
		value, err := e.HGet("hash", d.Keys[i])
		if err != nil {
			return err
		}
		return d.verify(i, value)
	}), d.fillHash(e)
}

// Member i has the rank i: its score is i and, from time to time, a half more.
func (d *Data) fillSorted(e *Engine) error {
	for _, i := range d.order {
		if err := e.ZAdd("sorted", strings.Clone(d.Keys[i]), float64(i)); err != nil {
			return err
		}
	}
	return nil
}

func zadd(e *Engine, d *Data) (func(int) (int, error), error) {
	round, last := 0, -1
	return d.turns(func(i int) error {
		if i <= last {
			round++
		}
		last = i
		return e.ZAdd("sorted", d.Keys[i], float64(i)+float64(round&1^1)/2)
	}), d.fillSorted(e)
}

func zrank(e *Engine, d *Data) (func(int) (int, error), error) {
	return d.turns(func(i int) error {
		rank, err := e.ZRank("sorted", d.Keys[i])
		if err == nil && rank != i {
			err = fmt.Errorf("the rank of %s is %d, not %d", d.Keys[i], rank, i)
		}
		return err
	}), d.fillSorted(e)
}

func each(e *Engine, d *Data) (func(int) (int, error), error) {
	buf, name := make([]byte, 8), make([]byte, 0, 32)
	err := e.Fields("hash", d.Fields, func(i int) (string, []byte) {
		binary.LittleEndian.PutUint64(buf, uint64(i))
		name = strconv.AppendInt(append(name[:0], "field:"...), int64(i), 10)
		return string(name), buf
	})
	want := uint64(d.Fields) * uint64(d.Fields-1) / 2
	return func(n int) (int, error) {
		did := 0
		for did < n {
			sum := uint64(0)
			err := e.Each("hash", func(value []byte) {
				sum += binary.LittleEndian.Uint64(value)
				did++
			})
			if err == nil && (sum != want || did%d.Fields != 0) {
				err = fmt.Errorf("%d fields seen, of a sum of %d instead of %d", did, sum, want)
			}
			if err != nil {
				return did, err
			}
		}
		return did, nil
	}, err
}
