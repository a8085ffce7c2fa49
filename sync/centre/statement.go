package centre

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// file is an uploaded file or a result until it ends. In memory a restart loses them, and the venue uploads again.
type file struct {
	No    string    `json:"no"`
	Name  string    `json:"name"`
	Venue string    `json:"venue"`
	Until time.Time `json:"until"`
}

// content is what is in a file.
type content struct {
	Data  []byte    `json:"data"`
	Until time.Time `json:"until"`
}

// rawFile is an answer that is no envelope.
type rawFile []byte

// Limits of the files that are kept.
const (
	fileLife = 24 * time.Hour
	maxFiles = 64 // of one venue
)

// keepFile keeps a file for the venue that it belongs to. Where the venue has too many, its oldest goes: an outlet with many
// messages in doubt asks again and again, and fetches each result at once.
func (w *work) keepFile(venue, name string, data []byte) (map[string]any, error) {
	kept := slices.SortedFunc(slices.Values(w.files.find("venue", venue)), func(a, b file) int { return strings.Compare(a.No, b.No) })
	for len(kept) >= maxFiles {
		w.files.drop(kept[0].No)
		w.contents.drop(kept[0].No)
		kept = kept[1:]
	}
	no := fmt.Sprintf("F%s%012d", w.options.Area, w.nextSerial())
	f := file{No: no, Name: name, Venue: venue, Until: w.options.Clock().Add(fileLife)}
	w.files.put(no, f)
	w.contents.put(no, content{data, f.Until})
	return map[string]any{"file_qury_no": no, "filename": name, "fixmedins_code": venue, "dld_endtime": nhsa.Stamp(f.Until)}, nil
}

// fileOf is a file of the venue; the refusal does not say whether it is another's.
func (w *work) fileOf(no, venue string) (file, []byte, error) {
	f, there := w.files.get(no)
	if !there || f.Venue != venue || !f.Until.After(w.options.Clock()) {
		return file{}, nil, refusal("[FILE] 文件不存在或已过期")
	}
	return f, w.contents.at(no).Data, nil
}

// upload answers 9101 文件上传.
func (w *work) upload(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.UploadInput](r)
	if err != nil {
		return nil, err
	}
	if _, _, err := in.Data.Input(); err != nil || in.Data.Venue != r.Venue {
		return nil, refusal("[FORMAT] 文件、文件名或机构编号不合规范")
	}
	return w.keepFile(r.Venue, in.Data.Name, in.Data.File)
}

// download answers 9102 文件下载 with the file itself.
func (w *work) download(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.DownloadInput](r)
	if err != nil {
		return nil, err
	}
	f, data, err := w.fileOf(in.Data.FileNo, r.Venue)
	if err != nil || f.Name != in.Data.Name {
		return nil, refusal("[FILE] 文件不存在或已过期")
	}
	return rawFile(data), nil
}

// rowsOf are the venue's rows that count, by the centre's setl_time. Empty insurance or type: any.
func (w *work) rowsOf(venue, insurance, clrType string, begin, end settle.Date) (rows []*Row) {
	for _, row := range w.rows.between("venue_day", venueDay(venue, begin), venueDay(venue, end), 0) {
		if !row.Undone &&
			(insurance == "" || row.Insurance == insurance) && (clrType == "" || row.clrType() == clrType) {
			rows = append(rows, row)
		}
	}
	return rows
}

// totals answers 3201 对总账.
func (w *work) totals(r *nhsa.Request) (any, error) {
	asked, told, err := nhsa.ReadTotals(r.Input)
	if err != nil {
		return nil, refusal("[FORMAT] " + err.Error())
	}
	var mine nhsa.Totals
	if asked.Office == w.options.Area {
		for _, row := range w.rowsOf(r.Venue, asked.Insurance, asked.ClrType, asked.Begin, asked.End) {
			mine.Total += row.Figures.Total
			mine.Fund += w.fundSum(row.Figures)
			mine.Account += row.Figures.Own + row.Figures.Shared
			mine.Cash += row.Figures.Cash
			mine.Count++
		}
	}
	result, text := nhsa.ResultEqual, "平"
	last := asked.Account == mine.Account
	if told == nhsa.SumCash {
		last = asked.Cash == mine.Cash
	}
	switch {
	case mine.Count > asked.Count:
		result, text = nhsa.ResultCentreOnly, "中心多"
	case mine.Count < asked.Count:
		result, text = nhsa.ResultVenueOnly, "机构多"
	case asked.Total != mine.Total || asked.Fund != mine.Fund || !last:
		result, text = nhsa.ResultDifferent, "金额不符"
	}
	return map[string]any{"stmtinfo": map[string]any{"setl_optins": asked.Office, "stmt_rslt": result, "stmt_rslt_dscr": text}}, nil
}

// details answers 3202 对明细账: the result has a row for each row of either side.
func (w *work) details(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.CheckDetailsInput](r)
	if err != nil {
		return nil, err
	}
	if _, _, err := in.Data.Input(); err != nil {
		return nil, refusal("[FORMAT] " + err.Error())
	}
	_, uploaded, err := w.fileOf(in.Data.FileNo, r.Venue)
	if err != nil {
		return nil, err
	}
	theirs, err := nhsa.DecodeStatement(uploaded)
	if err != nil {
		return nil, refusal("[FILE] 明细文件读不懂：" + err.Error())
	}
	if len(theirs) != in.Data.Count {
		return nil, refusal("[FILE] 明细文件的笔数与报文不符")
	}
	var mine []*Row
	if in.Data.Office == w.options.Area {
		mine = w.rowsOf(r.Venue, "", in.Data.ClrType, in.Data.Begin, in.Data.End)
	}
	d := nhsa.DefaultDialect()
	data, err := nhsa.EncodeResults("result.txt", w.compare(mine, theirs), &d)
	if err != nil {
		return nil, err
	}
	info, err := w.keepFile(r.Venue, "result.zip", data)
	return map[string]any{"fileinfo": info}, err
}

func (w *work) compare(mine []*Row, theirs []nhsa.StatementRow) (results []nhsa.ResultRow) {
	have := make(map[string]nhsa.StatementRow, len(theirs))
	for _, row := range theirs {
		have[row.SetlID] = row
	}
	for _, row := range mine {
		f := row.Figures
		result := nhsa.ResultRow{
			PsnNo: row.PsnNo, MdtrtID: row.MdtrtID, SetlID: row.SetlID, MsgID: row.MsgID, Result: nhsa.ResultEqual, Refund: row.Cancels != "",
			Total: f.Total, Fund: w.fundSum(f), Account: f.Own + f.Shared,
		}
		their, there := have[row.SetlID]
		delete(have, row.SetlID)
		switch {
		case !there:
			result.Result, result.Note = nhsa.ResultCentreOnly, "机构无此记录"
		case their.Total != result.Total || their.Fund != result.Fund || their.Account != result.Account:
			result.Result, result.Note = nhsa.ResultDifferent, "金额不符"
		}
		results = append(results, result)
	}
	for _, row := range theirs {
		if _, left := have[row.SetlID]; left {
			results = append(results, nhsa.ResultRow{
				PsnNo: row.PsnNo, MdtrtID: row.MdtrtID, SetlID: row.SetlID, Result: nhsa.ResultVenueOnly, Refund: row.Refund, Note: "中心无此记录",
			})
		}
	}
	return results
}

// clearing answers 3203 清算申请. A month is claimed once for each clearing type.
func (w *work) clearing(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.ClearingInput](w, r)
	if err != nil {
		return nil, err
	}
	if _, _, err := in.Data.Input(); err != nil {
		return nil, refusal("[FORMAT] " + err.Error())
	}
	key := r.Venue + "/" + in.Data.Month + "/" + in.Data.ClrType
	if w.claims.has(key) {
		return nil, refusal("[CLEARING] 该月已申请清算")
	}
	var total settle.Fen
	for _, row := range w.rowsOf(r.Venue, "", in.Data.ClrType, in.Data.Begin, in.Data.End) {
		total += row.Figures.Total
	}
	if total != settle.Fen(in.Data.Total) {
		return nil, refusal("[CLEARING] 医疗费总额与中心不符，请先对账")
	}
	event := fmt.Sprintf("E%s%012d", w.options.Area, w.nextSerial())
	return map[string]any{"result": map[string]any{"clr_appy_evt_id": event}}, w.keepNotes(r, &notes{Claims: []string{key}})
}
