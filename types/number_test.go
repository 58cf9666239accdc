package types

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A realRedis is a redis-server of its own on a unix socket: the answer sheet.
type realRedis struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// startRedis starts a redis-server for the time of the test, or skips it.
func startRedis(t testing.TB) *realRedis {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server installed to compare with")
	}
	socket := filepath.Join(t.TempDir(), "s")
	cmd := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--daemonize", "no")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for log := bufio.NewScanner(out); ; {
		if !log.Scan() {
			t.Skip("redis-server did not start here")
		}
		if strings.Contains(log.Text(), "eady to accept connections") {
			break
		}
	}
	go io.Copy(io.Discard, out)
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &realRedis{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// pipe sends all commands and returns their replies: the text of a string,
// integer or error (which begins with "-"), "(nil)" for null.
func (r *realRedis) pipe(cmds [][]string) []string {
	r.t.Helper()
	var buf strings.Builder
	for _, cmd := range cmds {
		fmt.Fprintf(&buf, "*%d\r\n", len(cmd))
		for _, arg := range cmd {
			fmt.Fprintf(&buf, "$%d\r\n%s\r\n", len(arg), arg)
		}
	}
	go io.WriteString(r.conn, buf.String())
	replies := make([]string, len(cmds))
	for i := range replies {
		replies[i] = r.reply()
	}
	return replies
}

func (r *realRedis) reply() string {
	line, err := r.in.ReadString('\n')
	require.NoError(r.t, err)
	line = strings.TrimSuffix(line, "\r\n")
	switch line[0] {
	case '-':
		return line
	case '$':
		n, err := strconv.Atoi(line[1:])
		require.NoError(r.t, err)
		if n < 0 {
			return "(nil)"
		}
		body := make([]byte, n+2)
		_, err = io.ReadFull(r.in, body)
		require.NoError(r.t, err)
		return string(body[:n])
	}
	return line[1:]
}

// numberText draws a text that is a number, or nearly one.
func numberText(r *rand.Rand) string {
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
		return b.String()
	}
	sign := [...]string{"", "", "", "-", "-", "+"}[r.IntN(6)]
	switch r.IntN(16) {
	case 0:
		return sign + digits(1+r.IntN(22))
	case 1, 2:
		return sign + digits(1+r.IntN(6)) + "." + digits(r.IntN(20))
	case 3:
		return sign + "0." + strings.Repeat("0", r.IntN(20)) + digits(1+r.IntN(25))
	case 4:
		return sign + digits(1+r.IntN(3)) + "." + digits(r.IntN(5)) + "e" + strconv.Itoa(r.IntN(60)-30)
	case 5:
		return sign + digits(r.IntN(30)) + "." + digits(r.IntN(40)) + "E" + strconv.Itoa(r.IntN(10400)-5200)
	case 6:
		return sign + strconv.FormatInt(int64(r.Uint64()>>r.IntN(64)), 10)
	case 7: // a tie, or nearly one, in the last bit of the mantissa
		f := math.Ldexp(float64(r.Uint64()>>11|1), -r.IntN(70))
		return sign + strconv.FormatFloat(f, 'f', -1, 64) + [...]string{"", "5", "1"}[r.IntN(3)]
	case 8:
		return sign + "0x" + strconv.FormatUint(r.Uint64()>>r.IntN(64), 16) + "." + strconv.FormatUint(r.Uint64(), 16) +
			[...]string{"", "p" + strconv.Itoa(r.IntN(200)-100), "p", "P+3"}[r.IntN(4)]
	case 9:
		odd := [...]string{"", "inf", "INF", "infinity", "infinit", "nan", "nan(1)", "1e", "1e+", ".", "e5", "0x", "0x.", "0x.8", "1_0", " 1", "1 ", "1\x00", "--1",
			"1.2.3", "1e5000", "1e-5000", "1e4932", "1.18973149535723176502e4932", "1.18973149535723176509e4932", "3.6451995318824746e-4951", "1e-4951", "1e-4940",
			"0e99999", "1e99999999999999999999", "0", "00", "-0", "0.0", "18446744073709551615", "9223372036854775808", "5e-18", "4.9e-18", "15e-18", "0x1p16383", "0x1p16384", "0x1p-16445", "0x1p-16446"}
		return sign + odd[r.IntN(len(odd))]
	case 10:
		return sign + strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(40)-20)), 'g', 1+r.IntN(18), 64)
	case 11:
		return sign + strconv.Itoa(r.IntN(1000)) + "." + digits(2)
	case 12:
		return sign + digits(r.IntN(3)) + "." + strings.Repeat("9", r.IntN(25)) + digits(1)
	case 13: // what one byte too many or too few makes of a number
		s := []byte(strconv.FormatFloat(r.ExpFloat64()*1000, 'e', -1, 64))
		s[r.IntN(len(s))] = "0123456789.eE+-x "[r.IntN(17)]
		return sign + string(s)
	case 14:
		return sign + strconv.FormatUint(1<<63+r.Uint64()%5-2, 10)
	}
	if r.IntN(20) == 0 { // around the longest Redis reads
		return sign + digits(4900) + "." + digits(r.IntN(300))
	}
	return sign + digits(1+r.IntN(100)) + "." + digits(r.IntN(200))
}

func TestAddFloatLikeRedis(t *testing.T) {
	redis := startRedis(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		var cmds [][]string
		for range 300 {
			cmds = append(cmds, []string{"SET", "k", numberText(r)}, []string{"INCRBYFLOAT", "k", numberText(r)})
		}
		replies := redis.pipe(cmds)
		for i := 0; i < len(cmds); i += 2 {
			old, by, want := cmds[i][2], cmds[i+1][2], replies[i+1]
			got, err := AddFloat([]byte(old), by)
			switch err {
			case ErrNotFloat:
				got = []byte("-ERR value is not a valid float")
			case ErrNaN:
				got = []byte("-ERR increment would produce NaN or Infinity")
			}
			require.Equal(t, want, string(got), "%q + %q, seed %d", old, by, seed)
		}
	}
}

func TestParseFloatLikeRedis(t *testing.T) {
	redis := startRedis(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	var cmds [][]string
	for range 6000 {
		cmds = append(cmds, []string{"ZADD", "z", numberText(r), "m"}, []string{"ZSCORE", "z", "m"}, []string{"DEL", "z"})
	}
	replies := redis.pipe(cmds)
	for i := 0; i < len(cmds); i += 3 {
		score, want := cmds[i][2], replies[i+1]
		got, err := ParseFloat([]byte(score))
		if err != nil {
			require.Equal(t, "-ERR value is not a valid float", replies[i], "%q, seed %d", score, seed)
			continue
		}
		// Redis 7.0 prints 17 digits, 7.2 the shortest text: compare the number.
		number, err := strconv.ParseFloat(want, 64)
		require.NoError(t, err, "%q, seed %d", score, seed)
		require.Equal(t, number, got, "%q, seed %d", score, seed) // 0 for -0: Redis loses the sign in a listpack
	}
}

func TestParseIntLikeRedis(t *testing.T) {
	redis := startRedis(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	var cmds [][]string
	for range 6000 {
		cmds = append(cmds, []string{"SET", "k", "0"}, []string{"INCRBY", "k", numberText(r)})
	}
	replies := redis.pipe(cmds)
	for i := 0; i < len(cmds); i += 2 {
		arg, want := cmds[i+1][2], replies[i+1]
		n, ok := ParseInt([]byte(arg))
		got := "-ERR value is not an integer or out of range"
		if ok {
			got = strconv.FormatInt(n, 10)
		}
		require.Equal(t, want, got, "%q, seed %d", arg, seed)
	}
}

// Recorded from redis-server 7.0.15: SET k old, INCRBYFLOAT k by.
var sums = []struct{ old, by, want string }{
	{"0", "0.1", "0.1"},
	{"10.50", "0.1", "10.6"},
	{"10.6", "-5", "5.6"},
	{"5.0e3", "2.0e2", "5200"},
	{"3.0e3", "1.5", "3001.5"},
	{"0.1", "0.2", "0.3"},
	{"1", "0x1.8p1", "4"},
	{"-1", "1", "0"},
	{"-0", "-0", "0"},
	{"-1e-18", "0", "0"},
	{"1e-17", "0", "0.00000000000000001"},
	{"5.1e-18", "0", "0.00000000000000001"},
	{"4.9e-18", "0", "0"},
	{"1e20", "1", "100000000000000000000"},
	{"1e19", "1", "10000000000000000001"},
	{"18446744073709551615", "1", "18446744073709551616"},
	{"1.1", "2.2", "3.3"},
	{"3.333", "6.667", "10"},
	{"99999999999.999999999", "0.000000001", "100000000000"},
	{"1e30", "-1", "1000000000000000000024696061952"},
	{"", "1", "not a float"},
	{"abc", "1", "not a float"},
	{"1", " 1", "not a float"},
	{"1", "nan", "not a float"},
	{"1e5000", "1", "not a float"},
	{"1e-5000", "1", "not a float"},
	{"inf", "1", "nan"},
	{"inf", "-inf", "nan"},
	{"1e4932", "1.1e4932", "nan"},
}

func sumText(old, by string) string {
	got, err := AddFloat([]byte(old), by)
	switch err {
	case ErrNotFloat:
		return "not a float"
	case ErrNaN:
		return "nan"
	}
	return string(got)
}

func TestAddFloatRecorded(t *testing.T) {
	for _, c := range sums {
		require.Equal(t, c.want, sumText(c.old, c.by), "%q + %q", c.old, c.by)
	}
}

// The recorded sums are still what a server says.
func TestRecordedSumsLikeRedis(t *testing.T) {
	redis := startRedis(t)
	for _, c := range sums {
		got := redis.pipe([][]string{{"SET", "k", c.old}, {"INCRBYFLOAT", "k", c.by}})[1]
		switch {
		case strings.HasPrefix(got, "-ERR value is not"):
			got = "not a float"
		case strings.HasPrefix(got, "-"+"ERR increment"):
			got = "nan"
		}
		require.Equal(t, c.want, got, "%q + %q", c.old, c.by)
	}
}

func TestCheckFloat(t *testing.T) {
	require.NoError(t, CheckFloat([]byte("-1.5e3")))
	require.ErrorIs(t, CheckFloat([]byte("-inf")), ErrNaN)
	require.ErrorIs(t, CheckFloat([]byte("1x")), ErrNotFloat)
}

// The short way of reading a number must round like the long one.
func TestRoundShort(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 20_000 {
		s := numberText(r)
		lit, ok := scanFloat(s)
		if !ok || lit.inf || lit.zero || len(s) > 60 {
			continue
		}
		short, ok := roundShort(lit)
		if !ok {
			continue
		}
		long, ok := roundLong(lit)
		require.True(t, ok)
		require.Equal(t, long, short, "%q", s)
	}
}

func TestParseInt(t *testing.T) {
	for _, c := range []struct {
		s    string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"7", 7, true}, {"-1", -1, true}, {"1234567890", 1234567890, true},
		{"9223372036854775807", math.MaxInt64, true}, {"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775808", 0, false}, {"-9223372036854775809", 0, false},
		{"18446744073709551616", 0, false}, {"99999999999999999999", 0, false}, {"184467440737095516150", 0, false},
		{"", 0, false}, {"-", 0, false}, {"-0", 0, false}, {"00", 0, false}, {"01", 0, false}, {"+1", 0, false},
		{" 1", 0, false}, {"1 ", 0, false}, {"1.0", 0, false}, {"1:", 0, false}, {"/1", 0, false},
	} {
		n, ok := ParseInt([]byte(c.s))
		require.Equal(t, c.ok, ok, "%q", c.s)
		if ok {
			require.Equal(t, c.want, n, "%q", c.s)
		}
	}
}

func TestAppendFloat(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{3, "3"}, {1.5, "1.5"}, {0.1, "0.1"}, {-0.1, "-0.1"}, {math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.NaN(), "nan"},
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1e17, "100000000000000000"}, {1 << 62, "4611686018427387904"},
		{1e19, "1e+19"}, {1e20, "1e+20"}, {-1e20, "-1e+20"}, {1.5e300, "1.5e+300"}, {5e-324, "5e-324"},
		{0.000001, "0.000001"}, {0.0000001, "1e-7"}, {1.5e-7, "1.5e-7"}, {0.00012345678, "1.2345678e-4"}, {0.0012345678, "0.0012345678"},
		{0.30000000000000004, "0.30000000000000004"}, {1234.5678901234, "1234.5678901234"}, {12345.6789012, "1.23456789012e+4"},
		{12345.678901, "12345.678901"}, {123456.789, "123456.789"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
		{1.2345678901234567e19, "12345678901234567000"}, {1.25e24, "1.25e+24"},
	} {
		require.Equal(t, c.want, string(AppendFloat(nil, c.f)))
	}
}

func TestAppendFloatReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if math.IsNaN(f) {
			return
		}
		got, err := ParseFloat(AppendFloat(nil, f))
		if err != nil || got != f {
			t.Fatalf("%v reads back as %v, %v", f, got, err)
		}
	})
}

func FuzzNumbers(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		f.Add([]byte(numberText(r)), []byte(numberText(r)))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if n, ok := ParseInt(a); ok && strconv.FormatInt(n, 10) != string(a) {
			t.Fatalf("%q is no integer's only text", a)
		}
		if x, err := ParseFloat(a); err == nil {
			if again, err := ParseFloat(AppendFloat(nil, x)); err != nil || again != x {
				t.Fatalf("%q: %v reads back as %v, %v", a, x, again, err)
			}
		}
		sum, err := AddFloat(a, b)
		if err != nil {
			return
		}
		// A sum is a number again, and to add to from the other side is the same.
		if err := CheckFloat(sum); err != nil {
			t.Fatalf("%q + %q = %q: %v", a, b, sum, err)
		}
		if back, _ := AddFloat(b, a); string(back) != string(sum) {
			t.Fatalf("%q + %q = %q, but %q the other way", a, b, sum, back)
		}
	})
}

func BenchmarkAddFloat(b *testing.B) {
	for _, c := range [][2]string{{"10.5", "0.1"}, {"1234567.891", "3"}, {"1e30", "1"}} {
		b.Run(c[0]+"+"+c[1], func(b *testing.B) {
			b.ReportAllocs()
			old := []byte(c[0])
			for b.Loop() {
				if _, err := AddFloat(old, c[1]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseFloat(b *testing.B) {
	b.ReportAllocs()
	text := []byte("1234.5678")
	for b.Loop() {
		if _, err := ParseFloat(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseInt(b *testing.B) {
	b.ReportAllocs()
	text := []byte("1234567890")
	for b.Loop() {
		ParseInt(text)
	}
}

func BenchmarkAppendFloat(b *testing.B) {
	for _, f := range []float64{42, 1234.5678} {
		b.Run(strconv.FormatFloat(f, 'g', -1, 64), func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = AppendFloat(buf[:0], f)
			}
		})
	}
}
