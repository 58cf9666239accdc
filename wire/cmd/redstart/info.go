package main

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"redstart/persist"
	"redstart/types"
)

// writeText writes what is in a file for people.
func writeText(w io.Writer, path string, sum persist.Summary) {
	fmt.Fprintf(w, "%s: %s, %s with a time to live%s\n\n", path, keys(sum.Keys), digits(int64(sum.Expiring)), databases(sum))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	snapshot := "none"
	if sum.Generation > 0 {
		snapshot = fmt.Sprintf("%s of base and %s of changes, up to transaction %s, generation %d",
			size(sum.Base), size(sum.Deltas), digits(int64(sum.Covered)), sum.Generation)
	}
	rows := [][2]string{
		{"format", fmt.Sprint(sum.Format)},
		{"sequence", count(int(sum.Sequence), "transaction")},
		{"file", fmt.Sprintf("%s, of which %s are free", size(sum.Size), size(sum.Free))},
		{"snapshot", snapshot},
		{"journal", fmt.Sprintf("%s, %s after the snapshot", size(sum.Journal), count(sum.Transactions, "transaction"))},
	}
	if sum.Staged > 0 {
		rows = append(rows, [2]string{"staged", fmt.Sprintf("%s, %s of these", size(sum.Stage), digits(int64(sum.Staged)))})
	}
	for _, row := range rows {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	table.Flush()
	if sum.Unfinished {
		fmt.Fprintln(w, strings.TrimLeft(cutOff(sum), "\n\t"))
	}
	for _, kind := range kinds(sum) {
		fmt.Fprintf(w, "\nlargest of %s:\n", count(kindCount(sum, kind), kind.String()))
		for _, k := range sum.Largest[kind] {
			elements := ""
			if kind != types.KindString {
				elements = fmt.Sprintf("\t%s", count(k.Len, "element"))
			}
			fmt.Fprintf(table, "\t%s\tdatabase %d%s\t%.60q\n", size(k.Bytes), k.DB, elements, k.Key)
		}
		table.Flush()
	}
}

// size writes a number of bytes.
func size(bytes int64) string {
	switch {
	case bytes < 10_000:
		return count(int(bytes), "byte")
	case bytes < 10_000<<10:
		return digits(bytes>>10) + " KiB"
	}
	return digits(bytes>>20) + " MiB"
}

// kinds returns those of which there are keys.
func kinds(sum persist.Summary) []types.Kind {
	return slices.SortedFunc(maps.Keys(sum.Largest), cmp.Compare[types.Kind])
}

// kindCount returns how many keys of a kind there are in all databases.
func kindCount(sum persist.Summary, kind types.Kind) (n int) {
	for _, counts := range sum.Databases {
		n += counts[kind]
	}
	return n
}

// An infoJSON is what --json writes. Fields may be added; none will go or
// change their meaning.
type infoJSON struct {
	File         string                    `json:"file"`
	Keys         int                       `json:"keys"`
	Expiring     int                       `json:"expiring"`
	Databases    map[int]map[string]int    `json:"databases"` // by number, then type
	Damage       int                       `json:"damage"`
	Format       int                       `json:"format"`
	Sequence     uint64                    `json:"sequence"`
	Covered      uint64                    `json:"covered"`
	Generation   uint64                    `json:"generation"`
	Transactions int                       `json:"transactions"` // of the journal, after the snapshot
	Staged       int                       `json:"staged"`       // of these, those in the stage
	Unfinished   bool                      `json:"unfinished"`   // a crash has cut off a write to the stage
	Bytes        infoBytes                 `json:"bytes"`
	Largest      map[string][]infoKeyBytes `json:"largest"` // by type
}

type infoBytes struct {
	File    int64 `json:"file"`
	Free    int64 `json:"free"`
	Base    int64 `json:"base"`
	Deltas  int64 `json:"deltas"`
	Journal int64 `json:"journal"`
	Staged  int64 `json:"staged"`
}

// An infoKeyBytes is a key with its size. Hex is there if the key is not text.
type infoKeyBytes struct {
	Database int    `json:"database"`
	Key      string `json:"key"`
	Hex      string `json:"hex,omitempty"`
	Len      int    `json:"len"`
	Bytes    int64  `json:"bytes"`
}

// writeJSON writes what is in a file for programs.
func writeJSON(w io.Writer, path string, sum persist.Summary) {
	info := infoJSON{
		File: path, Keys: sum.Keys, Expiring: sum.Expiring, Damage: sum.Damage, Format: sum.Format,
		Sequence: sum.Sequence, Covered: sum.Covered, Generation: sum.Generation, Transactions: sum.Transactions,
		Staged: sum.Staged, Unfinished: sum.Unfinished,
		Bytes:     infoBytes{sum.Size, sum.Free, sum.Base, sum.Deltas, sum.Journal, sum.Stage},
		Databases: map[int]map[string]int{}, Largest: map[string][]infoKeyBytes{},
	}
	for db, counts := range sum.Databases {
		info.Databases[db] = map[string]int{}
		for kind, n := range counts {
			info.Databases[db][kind.String()] = n
		}
	}
	for kind, largest := range sum.Largest {
		for _, k := range largest {
			key := infoKeyBytes{Database: k.DB, Key: strings.ToValidUTF8(k.Key, "\ufffd"), Len: k.Len, Bytes: k.Bytes}
			if !utf8.ValidString(k.Key) {
				key.Hex = hex.EncodeToString([]byte(k.Key))
			}
			info.Largest[kind.String()] = append(info.Largest[kind.String()], key)
		}
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.Encode(info)
}
