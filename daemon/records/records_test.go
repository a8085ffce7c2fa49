package records

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"

	"gongji/settle"
)

var update = flag.Bool("update", false, "write the golden files")

// demoSlip has everything that is hard to print: long labels, rare characters, characters of no slip printer, commands.
func demoSlip() *Slip {
	s := &Slip{}
	s.Strong("示例大药房（五一路店）")
	s.Centre("医保结算单")
	s.Rule()
	s.Pair("单号", "20261122-000123")
	s.Pair("结算编号", "06eday7n01afjjyxtqvyw668z0")
	s.Pair("患者", "买******")
	s.Text("注射用重组人粒细胞巨噬细胞刺激因子（㐀㐁䶵）150µg×1支")
	s.Pair("  2 × 12.50", "25.00")
	s.Text("控制\x1b@字符、emoji😀、断\xff字、阿拉伯ب、生僻𠮷")
	s.Pair("共济人1（配偶的父母之类很长很长的关系说明）李**", "12345.67")
	s.Pair("个人现金支付", "0.00")
	s.Rule()
	return s
}

func TestGoldenSlips(t *testing.T) {
	for _, columns := range Columns {
		slip := demoSlip()
		slip.Copy(2)
		for name, got := range map[string][]byte{"text": slip.PlainText(columns), "escpos": slip.ESCPOS(columns)} {
			file := filepath.Join("testdata", name+"-"+strconv.Itoa(columns)+".bin")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s differs (%v):\n%q", file, err, got)
			}
		}
	}
}

// TestSlipsFitThePaper: no line is wider than the paper, whatever is printed, and no character is cut in two.
func TestSlipsFitThePaper(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		slip := &Slip{}
		texts := rapid.SliceOfN(rapid.String(), 1, 8).Draw(rt, "texts")
		for i, text := range texts {
			switch i % 4 {
			case 0:
				slip.Text(text)
			case 1:
				slip.Centre(text)
			case 2:
				slip.Strong(text)
			default:
				slip.Pair(text, texts[0])
			}
		}
		slip.Text(rapid.StringOf(rapid.RuneFrom([]rune("中a药·㐀￥1"))).Draw(rt, "chinese"))
		for _, columns := range Columns {
			for _, line := range bytes.Split(slip.PlainText(columns), []byte("\n")) {
				text, err := simplifiedchinese.GB18030.NewDecoder().String(string(line))
				if err != nil || strings.ContainsRune(text, '\ufffd') || textWidth(text) > columns {
					rt.Fatalf("%d columns: %q (%d wide, %v)", columns, text, textWidth(text), err)
				}
			}
			if rest := walkESCPOS(slip.ESCPOS(columns)); rest != "" {
				rt.Fatal(rest)
			}
		}
	})
}

// walkESCPOS reads the bytes as a printer does and says where they are no slip: an unknown or unfinished command, a control
// character in a text, half a character, or no cut at the end.
func walkESCPOS(data []byte) string {
	length := map[string]int{"\x1b@": 2, "\x1c&": 2, "\x1ba": 3, "\x1bE": 3, "\x1d!": 3, "\x1c!": 3, "\x1bd": 3, "\x1dV": 4}
	cut := false
	for i := 0; i < len(data); {
		switch b := data[i]; {
		case b == 0x1b || b == 0x1c || b == 0x1d:
			if i+1 >= len(data) {
				return "half a command at the end"
			}
			n := length[string(data[i:i+2])]
			if n == 0 || i+n > len(data) {
				return "an unknown or unfinished command: " + hex.EncodeToString(data[i:min(i+4, len(data))])
			}
			cut = data[i] == 0x1d && data[i+1] == 'V'
			i += n
		case b == '\n' || b >= 0x20 && b < 0x7f:
			i++
		case b < 0x81 || b == 0xff:
			return "a control character: " + strconv.Itoa(int(b))
		case i+1 < len(data) && data[i+1] >= 0x40:
			i += 2
		case i+3 < len(data) && data[i+1] >= '0' && data[i+1] <= '9':
			i += 4
		default:
			return "half a character"
		}
	}
	if !cut {
		return "no cut at the end"
	}
	return ""
}

// TestWhatCannotBePrintedIsSeen: nothing vanishes silently.
func TestWhatCannotBePrintedIsSeen(t *testing.T) {
	for text, want := range map[string]string{
		"a\x1b@b": "a〓@b", "断\xff": "断〓", "😀": "〓", "𠮷䶵": "𠮷䶵", "艾力•买买提": "艾力·买买提", "a\tb": "a b", "\u200bx": "〓x", "é": "é",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q prints as %q, want %q", text, got, want)
		}
	}
}

func TestSlipAsPDF(t *testing.T) {
	slip := demoSlip()
	for _, columns := range Columns {
		data, err := slip.PDF(columns)
		if err != nil {
			t.Fatal(err)
		}
		text := pdfText(t, data)
		for _, want := range []string{"示例大药房", "20261122-000123", "㐀㐁䶵", "12345.67", "生僻〓", "12.50"} {
			if !strings.Contains(text, want) {
				t.Errorf("%d columns lack %q: %s", columns, want, text)
			}
		}
	}
}

// pdfText is the text of a PDF of ours: the glyphs that are shown, read back through the tables of their fonts, without the
// places they stand at.
func pdfText(t *testing.T, data []byte) string {
	t.Helper()
	objects := map[string]string{}
	for _, m := range regexp.MustCompile(`(?s)(\d+) 0 obj(.*?)endobj`).FindAllSubmatch(data, -1) {
		head, _, _ := bytes.Cut(m[2], []byte("stream\n"))
		objects[string(m[1])] = string(head) + streamOf(m[2])
	}
	tables := map[string]map[string]string{} // by the font's name in a page
	for _, object := range objects {
		for _, m := range regexp.MustCompile(`/(F\d+) (\d+) 0 R`).FindAllStringSubmatch(object, -1) {
			if to := regexp.MustCompile(`/ToUnicode (\d+) 0 R`).FindStringSubmatch(objects[m[2]]); to != nil {
				tables[m[1]] = glyphTable(t, objects[to[1]])
			}
		}
	}
	if len(tables) != 2 {
		t.Fatalf("the PDF has %d tables of characters: its text cannot be searched or copied", len(tables))
	}
	var out strings.Builder
	piece := regexp.MustCompile(`(?s)/(F\d+) [0-9.]+ Tf|\[([^\]]*)\]\s*TJ`)
	for _, object := range objects {
		var table map[string]string
		for _, m := range piece.FindAllStringSubmatch(object, -1) {
			if m[1] != "" {
				table = tables[m[1]]
			}
			for _, h := range regexp.MustCompile(`<([0-9A-Fa-f]+)>`).FindAllStringSubmatch(m[2], -1) {
				for i := 0; i+4 <= len(h[1]); i += 4 {
					out.WriteString(table[strings.ToUpper(h[1][i:i+4])])
				}
			}
		}
	}
	return out.String()
}

// streamOf is what a stream of an object unpacks to.
func streamOf(object []byte) string {
	_, body, found := bytes.Cut(object, []byte("stream\n"))
	if !found {
		return ""
	}
	r, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return string(body)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return ""
	}
	return string(plain)
}

// glyphTable reads which character a glyph stands for.
func glyphTable(t *testing.T, text string) map[string]string {
	t.Helper()
	table := map[string]string{}
	for _, m := range regexp.MustCompile(`<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]+)>`).FindAllStringSubmatch(text, -1) {
		table[strings.ToUpper(m[1])] = unicodeHex(t, m[3])
	}
	return table
}

func unicodeHex(t *testing.T, text string) string {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
	}
	return string(utf16.Decode(units))
}

// table writes a table of two columns.
func table(t *testing.T, format Format, rows ...[]Cell) []byte {
	t.Helper()
	var out bytes.Buffer
	sheet, err := NewSheet(format, &out, Head{Title: "测试表", Notes: []string{"期间：2026-11"}, Columns: []Column{{Title: "名称", Width: 20}, {Title: "金额", Width: 10}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := sheet.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := sheet.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestCSV: a mark that Excel understands, exact amounts, and nothing that runs.
func TestCSV(t *testing.T) {
	data := table(t, CSV, []Cell{Text("=1+1"), Money(-5)}, []Cell{Text("+86"), Money(123456789)}, []Cell{Text("-x"), Money(0)},
		[]Cell{Text("@SUM(A1)"), Money(1)}, []Cell{Text(" =2"), Money(100)}, []Cell{Text("阿莫西林,\"胶囊\"\n二"), Money(10)}, []Cell{Text("\t=3"), Money(2)})
	if !bytes.HasPrefix(data, []byte("\xef\xbb\xbf名称,金额\r\n")) {
		t.Fatalf("begins %q", data[:30])
	}
	rows, err := csv.NewReader(bytes.NewReader(data[3:])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"名称", "金额"}, {"'=1+1", "-0.05"}, {"'+86", "1234567.89"}, {"'-x", "0.00"}, {"'@SUM(A1)", "0.01"}, {"' =2", "1.00"},
		{"阿莫西林,\"胶囊\"\n二", "0.10"}, {"'\t=3", "0.02"}}
	for i := range want {
		if i >= len(rows) || rows[i][0] != want[i][0] || rows[i][1] != want[i][1] {
			t.Errorf("row %d: %q, want %q", i, rows[min(i, len(rows)-1)], want[i])
		}
	}
}

// TestXLSXIsExact: every amount reads back to the fen, and a text that looks like a formula is a text.
func TestXLSXIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		amounts := rapid.SliceOfN(rapid.Int64Range(-99_999_999_999, 99_999_999_999), 1, 20).Draw(rt, "fen")
		var rows [][]Cell
		for _, fen := range amounts {
			rows = append(rows, []Cell{Text("=1+1"), Money(settle.Fen(fen))})
		}
		file, err := excelize.OpenReader(bytes.NewReader(table(t, XLSX, rows...)))
		if err != nil {
			rt.Fatal(err)
		}
		defer file.Close()
		shown, err := file.GetRows("测试表")
		raw, rawErr := file.GetRows("测试表", excelize.Options{RawCellValue: true})
		if err != nil || rawErr != nil || len(shown) != len(amounts)+1 || shown[0][1] != "金额" {
			rt.Fatalf("%v %v %v", shown, err, rawErr)
		}
		for i, fen := range amounts {
			want := settle.Fen(fen).String()
			if shown[i+1][1] != want || shown[i+1][0] != "=1+1" {
				rt.Fatalf("%s shows as %q", want, shown[i+1])
			}
			if kept := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(want, "0"), "0"), "."); raw[i+1][1] != kept {
				rt.Fatalf("%s is kept as %q", want, raw[i+1][1])
			}
			if formula, err := file.GetCellFormula("测试表", "A"+strconv.Itoa(i+2)); err != nil || formula != "" {
				rt.Fatalf("a formula: %q %v", formula, err)
			}
		}
		if notes, err := file.GetRows("说明"); err != nil || notes[0][0] != "期间：2026-11" {
			rt.Fatalf("notes %v %v", notes, err)
		}
	})
}

func TestPDFHoldsChinese(t *testing.T) {
	rows := [][]Cell{{Text("龘靐齉爩㐀 王·艾力"), Money(1234)}}
	for i := range 120 { // more than a page
		rows = append(rows, []Cell{Text("第" + strconv.Itoa(i) + "行 " + strings.Repeat("很长的说明", 30)), Money(settle.Fen(i))})
	}
	data := table(t, PDF, rows...)
	text := pdfText(t, data)
	for _, want := range []string{"测试表", "期间：2026-11", "龘靐齉爩㐀 王·艾力", "12.34", "第119行", "第 2 页"} {
		if !strings.Contains(text, want) {
			t.Errorf("the PDF lacks %q", want)
		}
	}
	if strings.Count(text, "名称") < 2 {
		t.Error("the titles are not repeated on the second page")
	}
	var out bytes.Buffer
	sheet, err := NewSheet(PDF, &out, Head{Title: "长", Columns: []Column{{Title: "a", Width: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; err == nil; n++ {
		if err = sheet.Row([]Cell{Text("x")}); n > MaxPDFRows {
			t.Fatal("a PDF without end")
		}
	}
	if sheet.Discard(); !errors.Is(err, ErrTooLong) || out.Len() != 0 {
		t.Errorf("too long: %v, %d bytes written", err, out.Len())
	}
}

// pages is a source of n records in pages, some of them empty.
type pages struct {
	n, asked, most int
}

func (p *pages) Records(_ context.Context, q settle.RecordQuery) (page settle.RecordPage, err error) {
	p.asked++
	at, _ := strconv.Atoi(q.Cursor)
	if p.asked%3 == 2 {
		return settle.RecordPage{Next: q.Cursor}, nil // looked at much, found nothing
	}
	for ; at < p.n && len(page.Records) < q.Limit; at++ {
		r := settle.Record{Masked: "王*", MaskedNumber: "110105********002X"}
		r.ReceiptNo, r.At = strconv.Itoa(at), time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing)
		r.Sale.Lines = []settle.Line{{Name: "甲", Quantity: "1", Total: 100, Personal: [settle.BucketCount]settle.Fen{1: 100}}, {Name: "乙", Quantity: "2", Total: 250}}
		r.Figures = settle.Figures{Total: 350, Cash: 350}
		page.Records = append(page.Records, r)
	}
	p.most = max(p.most, len(page.Records))
	if at < p.n {
		page.Next = strconv.Itoa(at)
	}
	return page, nil
}

// TestExportReadsInPages: all records arrive, once, with progress, and never more than a page is held.
func TestExportReadsInPages(t *testing.T) {
	for _, lines := range []bool{false, true} {
		source := &pages{n: 1234}
		var out bytes.Buffer
		head := RecordsHead()
		if lines {
			head = LinesHead()
		}
		sheet, err := NewSheet(CSV, &out, head)
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		err = WriteRecords(t.Context(), source, settle.RecordQuery{}, sheet, lines, func(done int) { last = done })
		if err := errors.Join(err, sheet.Close()); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(out.Bytes()[3:])).ReadAll()
		want := 1234
		if lines {
			want *= 2
		}
		if err != nil || len(rows) != want+1 || last != 1234 || source.most > settle.MaxRecords {
			t.Errorf("%d rows, progress %d, page of %d, %v", len(rows), last, source.most, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	sheet, err := NewSheet(CSV, io.Discard, RecordsHead())
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteRecords(ended, &pages{n: 9}, settle.RecordQuery{}, sheet, false, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left: %v", err)
	}
}

func TestReportTable(t *testing.T) {
	totals := settle.Totals{
		By: settle.ByRelation, From: 20261101, To: 20261130,
		Groups: []settle.ReportGroup{
			{Key: "", Sales: 2, Figures: settle.Figures{Total: 300, Own: 300}}, {Key: "parent", Sales: 1, Figures: settle.Figures{Total: 50, Shared: 50}},
		},
		All: settle.ReportGroup{Sales: 2, Returns: 1, Figures: settle.Figures{Total: 350, Own: 300, Shared: 50}},
	}
	totals.Contributions = settle.ReportGroup{Sales: 1, Figures: settle.Figures{Total: 38000}}
	var out bytes.Buffer
	sheet, err := NewSheet(CSV, &out, ReportHead(&totals))
	if err := errors.Join(err, WriteReport(sheet, &totals), sheet.Close()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"亲属关系,", "非共济,2,0,3.00", "子女,1,0,0.50", "合计,2,1,3.50,0.00,3.50,3.00,0.50,0.00", "另：代缴城乡居民医保,1,0,380.00"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}
