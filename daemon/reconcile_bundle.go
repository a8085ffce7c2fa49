package daemon

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gongji/settle"
)

// bundleInput is what the finance desk's zip of a month is made of.
type bundleInput struct {
	month   int
	venue   settle.Venue
	days    []settle.DayView
	closed  []settle.ClosedMonth
	rows    []settle.BookedRow
	at      time.Time
	version string
}

// attester signs data that leaves the house. *ledger.Ledger is one.
type attester interface {
	Attest(ctx context.Context, data []byte) (settle.Attestation, error)
}

// manifest lists the files of a bundle with their hashes.
type manifest struct {
	Venue   string              `json:"venue"`
	Name    string              `json:"name"`
	Month   string              `json:"month"`
	MadeAt  time.Time           `json:"made_at"`
	Version string              `json:"gongjid"`
	Closed  *settle.ClosedMonth `json:"closed,omitempty"` // absent: the month is not closed yet
	Files   []manifestFile      `json:"files"`
}

type manifestFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Rows   int    `json:"rows"`
}

// table is one CSV of a bundle.
type table struct {
	name string
	rows [][]string // the heading first
}

// bundle makes the zip: totals, items and differences as CSV for spreadsheets (UTF-8 with a byte order mark), a manifest
// with their hashes, and the ledger's signature under the manifest. People appear by masked number only.
func bundle(ctx context.Context, in *bundleInput, signer attester) (data []byte, name string, err error) {
	month := fmt.Sprintf("%04d-%02d", in.month/100, in.month%100)
	m := manifest{Venue: in.venue.Code, Name: in.venue.Name, Month: month, MadeAt: in.at.Round(0).In(settle.Beijing), Version: in.version}
	if len(in.closed) > 0 {
		m.Closed = &in.closed[0]
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, t := range []table{in.totals(), in.items(), in.differences()} {
		text, err := t.csv()
		if err != nil {
			return nil, "", err
		}
		sum := sha256.Sum256(text)
		m.Files = append(m.Files, manifestFile{t.name, hex.EncodeToString(sum[:]), len(t.rows) - 1})
		if err := addFile(archive, t.name, text, in.at); err != nil {
			return nil, "", err
		}
	}
	listed, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, "", err
	}
	attestation, err := signer.Attest(ctx, listed)
	if err != nil {
		return nil, "", err
	}
	signed, err := json.MarshalIndent(attestation, "", "  ")
	if err != nil {
		return nil, "", err
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{"manifest.json", listed}, {"manifest.sig.json", signed}} {
		if err := addFile(archive, file.name, file.text, in.at); err != nil {
			return nil, "", err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), in.venue.Code + "-" + month + ".zip", nil
}

func addFile(archive *zip.Writer, name string, text []byte, at time.Time) error {
	file, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at.In(settle.Beijing)})
	if err == nil {
		_, err = file.Write(text)
	}
	return err
}

// csv is the table with a byte order mark, without which spreadsheets take UTF-8 for the code page of the system.
func (t *table) csv() ([]byte, error) {
	out := bytes.NewBufferString("\ufeff")
	w := csv.NewWriter(out)
	w.UseCRLF = true
	if err := w.WriteAll(t.rows); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

var dayStateNames = map[settle.DayState]string{
	settle.DayOpen: "未对平", settle.DayAgreed: "一致", settle.DayDiffering: "有差异", settle.DayClosed: "已月结",
}

func (in *bundleInput) totals() table {
	t := table{name: "totals.csv", rows: [][]string{{
		"日期", "状态", "险种", "清算类别", "清算机构", "本机笔数", "本机总额", "本机基金", "本机账户", "本机现金",
		"中心笔数", "中心总额", "中心基金", "中心账户", "对账结果", "中心说明",
	}}}
	for i := range in.days {
		v := &in.days[i]
		state := dayStateNames[v.State]
		if len(v.Outcome.Groups) == 0 {
			t.rows = append(t.rows, append([]string{v.Outcome.Day.String(), state}, make([]string, 14)...))
		}
		for j := range v.Outcome.Groups {
			g := &v.Outcome.Groups[j]
			centre := make([]string, 4)
			if c := g.Centre; c != nil {
				centre = []string{strconv.Itoa(c.Count), c.Total.String(), c.Fund.String(), c.Account.String()}
			}
			row := []string{v.Outcome.Day.String(), state, g.Insurance, g.ClrType, g.Office, strconv.Itoa(g.Count), g.Total.String(),
				g.Fund.String(), g.Account.String(), g.Cash.String()}
			t.rows = append(t.rows, append(append(row, centre...), g.Result, plainCell(g.Text)))
		}
	}
	return t
}

func (in *bundleInput) items() table {
	t := table{name: "items.csv", rows: [][]string{{
		"中心结算时间", "结算编号（中心）", "就诊编号", "报文编号", "结算编号（本机）", "人员编号（掩码）", "险种", "清算类别", "清算机构",
		"类型", "总额", "基金", "本人账户", "家庭共济", "现金",
	}}}
	for i := range in.rows {
		r := &in.rows[i]
		kind := "结算"
		if r.Refund {
			kind = "撤销"
		}
		f := &r.Figures
		t.rows = append(t.rows, []string{
			r.At.In(settle.Beijing).Format(time.DateTime), r.SetlID, r.MdtrtID, r.MsgID, r.Settlement, maskedNumber(r.PsnNo), r.Insurance, r.ClrType,
			r.Office, kind, f.Total.String(), f.Fund.String(), f.Own.String(), f.Shared.String(), f.Cash.String(),
		})
	}
	return t
}

var differenceNames = map[settle.DifferenceKind]string{
	settle.CentreOnly: "中心有、本机无", settle.VenueOnly: "本机有、中心无", settle.Different: "金额不同",
}

func (in *bundleInput) differences() table {
	t := table{name: "differences.csv", rows: [][]string{{
		"日期", "类别", "结算编号（中心）", "报文编号", "结算编号（本机）", "本机总额", "本机基金", "本机账户", "中心总额", "中心基金", "中心账户",
		"建议", "处理人", "处理时间", "处理方式", "说明",
	}}}
	for i := range in.days {
		v := &in.days[i]
		for j := range v.Outcome.Differences {
			d, r := &v.Outcome.Differences[j], &v.Resolutions[j]
			at := ""
			if !r.At.IsZero() {
				at = r.At.In(settle.Beijing).Format(time.DateTime)
			}
			t.rows = append(t.rows, []string{
				v.Outcome.Day.String(), differenceNames[d.Kind], d.SetlID, d.MsgID, d.Settlement, d.Ours.Total.String(), d.Ours.Fund.String(),
				d.Ours.Account.String(), d.Centre.Total.String(), d.Centre.Fund.String(), d.Centre.Account.String(), d.Advice, plainCell(r.By), at,
				string(r.Decision), plainCell(r.Note),
			})
		}
	}
	return t
}

// maskedNumber shows the end of a person's number, enough to tell people apart beside the centre's own list.
func maskedNumber(number string) string {
	const shown = 4
	if len(number) <= shown {
		return strings.Repeat("*", len(number))
	}
	return strings.Repeat("*", len(number)-shown) + number[len(number)-shown:]
}

// plainCell keeps a text that somebody typed from being taken for a formula.
func plainCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
