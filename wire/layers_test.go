package wire_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers says which packages of ours a package may import, directly or through
// others, beside itself. Imports point one way: types <- persist <- store <- wire.
var layers = []struct {
	pkg  string
	mays []string
}{
	{"redstart/types", nil},
	{"redstart/persist/internal/disk", nil},
	{"redstart/persist", []string{"redstart/types"}},
	{"redstart/store", []string{"redstart/types", "redstart/persist"}},
	{"redstart/persist/persisttest", []string{"redstart/types", "redstart/persist", "redstart/store"}},
	{"redstart/wire/resp", nil},
	{"redstart/wire/command", []string{"redstart/types", "redstart/persist", "redstart/store", "redstart/wire/resp"}},
	{"redstart/wire/pubsub", []string{"redstart/types", "redstart/persist", "redstart/store", "redstart/wire/resp", "redstart/wire/command"}},
	{"redstart/wire/data", []string{"redstart/types", "redstart/persist", "redstart/store", "redstart/wire/resp", "redstart/wire/command"}},
}

func TestImportsPointOneWay(t *testing.T) {
	for _, l := range layers {
		for _, dep := range dependencies(t, l.pkg) {
			owner, _, _ := strings.Cut(dep, "/internal/") // who may import a package may import its parts
			if strings.HasPrefix(dep, "redstart/") && dep != l.pkg && owner != l.pkg && !slices.Contains(l.mays, owner) {
				t.Errorf("%s must not depend on %s: imports point one way, types <- persist <- store <- wire; "+
					"move what both need down", l.pkg, dep)
			}
		}
	}
}

// An embedder of the store must not carry a server about.
func TestStoreLinksNoNetwork(t *testing.T) {
	for _, dep := range dependencies(t, "redstart/store") {
		foreign := dep == "net" || strings.HasPrefix(dep, "net/") && dep != "net/netip" && dep != "net/url" ||
			strings.Contains(dep, "gopher-lua") || strings.HasPrefix(dep, "redstart/wire") || dep == "crypto/tls"
		if foreign {
			t.Errorf("redstart/store must not depend on %s: who embeds the store alone "+
				"must not link wire, Lua or anything of the network", dep)
		}
	}
}

// dependencies returns everything that pkg imports, directly or through others.
func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.Fields(string(out))
}
