package embedded

import (
	"errors"
	"strconv"
	"sync"

	"github.com/maypok86/otter/v2"
	"github.com/puzpuzpuz/xsync/v4"
)

// errAbsent is returned for a key that must be there and is not.
var errAbsent = errors.New("no such key")

// plusOne returns the decimal text of one more than the number that old spells,
// and that number. Nothing counts as 0.
func plusOne(old []byte) (value []byte, n int64, err error) {
	if len(old) != 0 {
		if n, err = strconv.ParseInt(string(old), 10, 64); err != nil {
			return nil, 0, err
		}
	}
	n++
	return strconv.AppendInt(nil, n, 10), n, nil
}

// A lockedMap is what one writes who needs no more than this. Readers are lent
// slices, so a value is never changed in place.
type lockedMap struct {
	mu     sync.RWMutex
	values map[string][]byte
	hashes map[string]map[string][]byte
}

func openMap(string) (*Engine, error) {
	m := &lockedMap{values: map[string][]byte{}, hashes: map[string]map[string][]byte{}}
	return &Engine{
		Get: m.get, Set: m.set, Incr: m.incr, Update: m.update,
		HSet: m.hset, HGet: m.hget, Fields: m.fields, Each: m.each,
		Close: func() error { return nil },
	}, nil
}

func (m *lockedMap) get(_ []byte, key string) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.values[key], nil
}

func (m *lockedMap) set(key string, value []byte) error {
	value = append([]byte(nil), value...)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
	return nil
}

func (m *lockedMap) incr(key string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, n, err := plusOne(m.values[key])
	if err == nil {
		m.values[key] = value
	}
	return n, err
}

func (m *lockedMap) update(keys [3]string, value []byte, see func(old []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		if err := see(m.values[key]); err != nil {
			return err
		}
		m.values[key] = append([]byte(nil), value...)
	}
	return nil
}

func (m *lockedMap) hset(key, field string, value []byte) error {
	value = append([]byte(nil), value...)
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hashes[key]
	if h == nil {
		h = map[string][]byte{}
		m.hashes[key] = h
	}
	h[field] = value
	return nil
}

func (m *lockedMap) hget(key, field string) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.hashes[key][field], nil
}

func (m *lockedMap) fields(key string, n int, field func(i int) (string, []byte)) error {
	h := make(map[string][]byte, n)
	for i := range n {
		name, value := field(i)
		h[name] = append([]byte(nil), value...)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hashes[key] = h
	return nil
}

func (m *lockedMap) each(key string, yield func(value []byte)) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, value := range m.hashes[key] {
		yield(value)
	}
	return nil
}

func openXsync(string) (*Engine, error) {
	m := xsync.NewMap[string, []byte]()
	return &Engine{
		Get: func(_ []byte, key string) ([]byte, error) {
			value, _ := m.Load(key)
			return value, nil
		},
		Set: func(key string, value []byte) error {
			m.Store(key, append([]byte(nil), value...))
			return nil
		},
		Incr: func(key string) (n int64, err error) {
			m.Compute(key, func(old []byte, _ bool) (value []byte, op xsync.ComputeOp) {
				if value, n, err = plusOne(old); err != nil {
					return old, xsync.CancelOp
				}
				return value, xsync.UpdateOp
			})
			return n, err
		},
		Close: func() error { return nil },
	}, nil
}

func openOtter(string) (*Engine, error) {
	m, err := otter.New(&otter.Options[string, []byte]{})
	if err != nil {
		return nil, err
	}
	return &Engine{
		Get: func(_ []byte, key string) ([]byte, error) {
			value, _ := m.GetIfPresent(key)
			return value, nil
		},
		Set: func(key string, value []byte) error {
			m.Set(key, append([]byte(nil), value...))
			return nil
		},
		Incr: func(key string) (n int64, err error) {
			m.Compute(key, func(old []byte, _ bool) (value []byte, op otter.ComputeOp) {
				if value, n, err = plusOne(old); err != nil {
					return old, otter.CancelOp
				}
				return value, otter.WriteOp
			})
			return n, err
		},
		Close: func() error { m.StopAllGoroutines(); return nil },
	}, nil
}
