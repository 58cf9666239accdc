package persist

import "redstart/types"

// A patch is what a delta run holds of a large value of which little has
// changed: the effects on it, in order, instead of the value. Loading applies
// them to what earlier chunks have made of the key. So a list of a million
// elements that gets one more costs a checkpoint some bytes.
//
// It rests on the promise of package types that effects are deterministic:
// those of A, applied to a copy of the old A, give the new A. The snapshot has
// the key as of transaction covered, and the patch has all that came after up
// to the one of the view; so the key is then what the view has. What had no
// effects on elements only, between the two, is written whole: a key that was
// set, deleted (a collection that is left empty is, too), renamed, or that
// something was renamed or copied onto. A key that was not there before may be
// patched: it was empty. The deadline and the length are the view's and stand
// in the patch; a length that is another after loading is damage.
//
// Bounds. A patch costs at most 1/patchShare of its value, or the value is
// written. Patches of one key may follow one another in many runs; nobody
// counts them, because it is enough that their costs count as bytes of deltas:
// when those pass half the base, a new base takes the place of all of them.
// Cost is the bytes, and for effects that look through the whole value as many
// bytes as they take time. So neither the file nor loading it takes more than
// half as much again as the base alone. In memory, all patches of a run take
// maxPatches at most; what would pass that is written whole.
type patch struct {
	kind    types.Kind // of the value
	size    int        // of the value in memory
	cost    int        // of effects, and of the time they take
	effects []byte     // as in a types.Log, without a place
}

const (
	patchFrom    = 8 << 10  // bytes of a value below which it is always written whole
	patchShare   = 4        // of a value that its patch may cost
	maxPatches   = 32 << 20 // bytes of effects in memory
	patchMemory  = 128      // bytes of a patch without effects in memory, about
	searchWeight = 16       // bytes that are looked through in the time that one takes to load
)

// How a key is to be written, as far as is known. It is kept in dirty.
const (
	keySeen  byte = iota // nothing is known yet
	keyWhole             // with its value, or as gone
	keyPatch             // by its patch
)

// A changeReader finds out, from the journal, what a checkpoint has to write.
type changeReader struct {
	dirty
	view View
	from int // patchFrom, or what a test wants instead
}

// transaction adds the keys that a transaction has changed.
func (c *changeReader) transaction(tx []byte) error {
	at := uint32(noKey) // of the key placed last
	for len(tx) > 0 {
		e, rest, ok := types.CutEffect(tx)
		if !ok {
			return damagef("a transaction in the journal holds a damaged effect")
		}
		encoded := tx[:len(tx)-len(rest)]
		tx = rest
		switch {
		case e.Op == types.OpPlace:
			at = c.add(int(e.N), e.A)
		case e.Op == OpRename:
			c.whole(at)
			c.whole(c.add(int(e.N), e.A))
		case e.Op == OpCopy:
			c.whole(c.add(int(e.N), e.A))
		case e.Op == OpExpire:
			c.change(at, types.KindNone, nil, 0)
		case e.Op == OpAppend || e.Op == OpSetRange:
			c.change(at, types.KindString, encoded, 1)
		case e.Op == types.OpListRemove || e.Op == types.OpInsertBefore || e.Op == types.OpInsertAfter:
			c.change(at, types.KindList, encoded, searchWeight)
		case e.Op.Kind() != types.KindNone:
			c.change(at, e.Op.Kind(), encoded, 1)
		case e.Op < types.OpPlace || e.Op <= OpDelete:
			c.whole(at)
		default:
			c.all = true // OpFlush, OpSwap, or one we do not know
		}
	}
	if c.size() > maxDirty {
		c.all = true
	}
	return nil
}

// change takes down an effect on a value of some kind, KindNone if it is none
// on the value itself.
func (c *changeReader) change(at uint32, kind types.Kind, effect []byte, weight int) {
	if c.all || at == noKey || c.arena[at] == keyWhole {
		return
	}
	if c.arena[at] == keySeen {
		e, ok := c.view.Find(c.name(at))
		if !ok || e.size() < c.from {
			c.whole(at)
			return
		}
		c.arena[at] = keyPatch
		if c.patches == nil {
			c.patches = make(map[uint32]*patch)
		}
		c.patches[at] = &patch{kind: e.Kind, size: e.size()}
		c.patched += patchMemory
	}
	p := c.patches[at]
	p.cost += len(effect)
	if weight > 1 {
		p.cost += p.size / weight
	}
	if kind != types.KindNone && kind != p.kind || p.cost > p.size/patchShare || c.patched+len(effect) > maxPatches {
		c.whole(at)
		return
	}
	p.effects = append(p.effects, effect...)
	c.patched += len(effect)
}

// size returns about how many bytes the value takes.
func (e *Entry) size() int {
	if e.Object != nil {
		return e.Object.Size()
	}
	return len(e.Value)
}

// length returns the number of the value's elements, or of a string's bytes.
func (e *Entry) length() int {
	if e.Object != nil {
		return e.Object.Len()
	}
	return len(e.Value)
}

// patchedBy returns e with p in place of the value.
func (e *Entry) patchedBy(p *patch) Entry {
	return Entry{
		DB: e.DB, Key: e.Key, Kind: e.Kind, Deadline: e.Deadline, Mark: e.Mark,
		Patched: true, Patch: p.effects, Length: e.length(),
	}
}

// CheckPatched returns an error that wraps ErrCorrupt unless e, an entry with a
// patch, has made a value of kind and length of its key, as it should have.
func (e *Entry) CheckPatched(kind types.Kind, length int) error {
	if kind == e.Kind && length == e.Length {
		return nil
	}
	return damagef("database %d, key %.80q: changes to a %v make it a %v of length %d instead of %d",
		e.DB, e.Key, e.Kind, kind, length, e.Length)
}

// checkPatch checks that a patch that was read holds effects on the value of
// its key and no others.
func (e *Entry) checkPatch() error {
	for effect, err := range types.Effects(e.Patch) {
		if err != nil {
			return damagef("key %.80q: %v", e.Key, err)
		}
		kind := effect.Op.Kind()
		if effect.Op == OpAppend || effect.Op == OpSetRange {
			kind = types.KindString
		}
		if kind != e.Kind {
			return damagef("key %.80q, a %v, has an effect of op %d", e.Key, e.Kind, effect.Op)
		}
	}
	return nil
}

// patch makes the changes of an entry with a patch. It makes as many as fit,
// and returns an error if the value is not what it should be.
func (k keyspace) patch(e Entry) (err error) {
	db, key := e.DB, string(e.Key)
	for effect := range types.Effects(e.Patch) {
		if failed := k.effect(db, key, k[db][key], effect); failed != nil && err == nil {
			err = damagef("database %d, key %.80q: %v", db, e.Key, failed)
		}
	}
	got := k[db][key]
	if got == nil {
		return e.CheckPatched(types.KindNone, 0)
	}
	got.Deadline, got.Mark = e.Deadline, e.Mark
	if err == nil {
		err = e.CheckPatched(got.Kind, got.length())
	}
	return err
}
