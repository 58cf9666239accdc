package command

// A Printer writes replies piece by piece; a RESP writer is one. Map's n counts
// pairs.
type Printer interface {
	Simple(s string)
	BulkString(s string)
	Int(n int64)
	Array(n int)
	Map(n int)
	Set(n int)
}

// Print writes i as COMMAND and COMMAND INFO reply it.
func (i *Info) Print(w Printer) {
	w.Array(10)
	w.BulkString(i.Name)
	w.Int(int64(i.Arity))
	printSet(w, i.Flags)
	w.Int(int64(i.First))
	w.Int(int64(i.Last))
	w.Int(int64(i.Step))
	printSet(w, i.Categories)
	w.Set(len(i.Tips))
	for _, tip := range i.Tips {
		w.BulkString(tip)
	}
	w.Set(len(i.Specs))
	for j := range i.Specs {
		i.Specs[j].print(w)
	}
	w.Set(len(i.Sub))
	for j := range i.Sub {
		i.Sub[j].Print(w)
	}
}

func printSet(w Printer, words []string) {
	w.Set(len(words))
	for _, word := range words {
		w.Simple(word)
	}
}

func (s *KeySpec) print(w Printer) {
	if s.Notes != "" {
		w.Map(4)
		printText(w, "notes", s.Notes)
	} else {
		w.Map(3)
	}
	w.BulkString("flags")
	printSet(w, s.Access.Names())
	switch {
	case s.Index != 0:
		printSearch(w, "begin_search", "index", field{"index", s.Index})
	case s.Keyword != "":
		w.BulkString("begin_search")
		w.Map(2)
		printText(w, "type", "keyword")
		w.BulkString("spec")
		w.Map(2)
		printText(w, "keyword", s.Keyword)
		w.BulkString("startfrom")
		w.Int(int64(s.From))
	default:
		printSearch(w, "begin_search", "unknown")
	}
	switch {
	case s.Step <= 0:
		printSearch(w, "find_keys", "unknown")
	case s.Count:
		printSearch(w, "find_keys", "keynum",
			field{"keynumidx", s.CountIndex}, field{"firstkey", s.First}, field{"keystep", s.Step})
	default:
		printSearch(w, "find_keys", "range",
			field{"lastkey", s.Last}, field{"keystep", s.Step}, field{"limit", s.Limit})
	}
}

type field struct {
	name  string
	value int
}

func printSearch(w Printer, name, typ string, fields ...field) {
	w.BulkString(name)
	w.Map(2)
	printText(w, "type", typ)
	w.BulkString("spec")
	w.Map(len(fields))
	for _, f := range fields {
		w.BulkString(f.name)
		w.Int(int64(f.value))
	}
}

func printText(w Printer, name, text string) {
	w.BulkString(name)
	w.BulkString(text)
}

// Print writes d as COMMAND DOCS replies it: the name, then what there is to
// say. The caller writes the map that holds them.
func (d *Docs) Print(w Printer) {
	w.BulkString(d.Name)
	texts := [...][2]string{
		{"summary", d.Summary}, {"since", d.Since}, {"group", d.Group}, {"complexity", d.Complexity},
		{"deprecated_since", d.DeprecatedSince}, {"replaced_by", d.ReplacedBy},
	}
	n := 0
	for _, t := range texts {
		n += some(len(t[1]))
	}
	w.Map(n + some(len(d.Flags)) + some(len(d.History)) + some(len(d.Args)) + some(len(d.Sub)))
	for i, t := range texts {
		if i == 4 && len(d.Flags) > 0 {
			w.BulkString("doc_flags")
			printSet(w, d.Flags)
		}
		if t[1] != "" {
			printText(w, t[0], t[1])
		}
	}
	if len(d.History) > 0 {
		w.BulkString("history")
		w.Set(len(d.History))
		for _, h := range d.History {
			w.Array(2)
			w.BulkString(h.Since)
			w.BulkString(h.What)
		}
	}
	if len(d.Args) > 0 {
		w.BulkString("arguments")
		printArgs(w, d.Args)
	}
	if len(d.Sub) > 0 {
		w.BulkString("subcommands")
		w.Map(len(d.Sub))
		for i := range d.Sub {
			d.Sub[i].Print(w)
		}
	}
}

// some returns 1 for a number that is not 0.
func some(n int) int { return min(n, 1) }

func printArgs(w Printer, args []Arg) {
	w.Array(len(args))
	for i := range args {
		a := &args[i]
		w.Map(2 + some(len(a.Display)) + some(a.KeySpec+1) + some(len(a.Token)) + some(len(a.Flags)) + some(len(a.Args)))
		printText(w, "name", a.Name)
		printText(w, "type", a.Type)
		if a.Display != "" {
			printText(w, "display_text", a.Display)
		}
		if a.KeySpec >= 0 {
			w.BulkString("key_spec_index")
			w.Int(int64(a.KeySpec))
		}
		if a.Token != "" {
			printText(w, "token", a.Token)
		}
		if len(a.Flags) > 0 {
			w.BulkString("flags")
			printSet(w, a.Flags)
		}
		if len(a.Args) > 0 {
			w.BulkString("arguments")
			printArgs(w, a.Args)
		}
	}
}
