package records

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gongji/settle"
)

// Source is the ledger as an export needs it. *ledger.Ledger and *ledger.Reading are ones.
type Source interface {
	// Records is one page of what a query finds, latest first. BAD_REQUEST, STORE_BROKEN.
	Records(ctx context.Context, q settle.RecordQuery) (settle.RecordPage, error)
}

// stateNames are the states of a settlement for people.
var stateNames = map[string]string{
	"settled": "已结算，待上报", "accepted": "已入账", "unknown": "上报结果不明", "refused": "中心拒绝", "adjusted": "以中心为准",
	"partly_refunded": "部分退货", "refunded": "已全部退货", "reversed": "已撤销",
}

// reviewNames are the centre's side.
var reviewNames = map[settle.ReportState]string{
	settle.ReportPending: "待上报", settle.ReportAccepted: "已通过", settle.ReportUnknown: "结果不明", settle.ReportRefused: "未通过",
	settle.ReportAdjusted: "已调整",
}

// StateName is a settlement's state in Chinese.
func StateName(state string) string { return nameOr(stateNames[state], state) }

// ReviewName is the centre's side in Chinese.
func ReviewName(state settle.ReportState) string {
	if state == "" {
		state = settle.ReportPending
	}
	return nameOr(reviewNames[state], string(state))
}

func nameOr(name, code string) string {
	if name == "" {
		return code
	}
	return name
}

// Period writes the days of a table for people.
func Period(from, to settle.Date) string {
	text := func(d settle.Date) string { return nameOr(d.String(), "不限") }
	return "期间：" + text(from) + " 至 " + text(to)
}

func moment(at time.Time) string { return at.In(settle.Beijing).Format(time.DateTime) }

// RecordsHead is the head of a table of settlements.
func RecordsHead(notes ...string) Head {
	return Head{Title: "医保个人账户共济消费记录", Notes: notes, Columns: []Column{
		{Title: "时间", Width: 19}, {Title: "票据号", Width: 16}, {Title: "结算编号", Width: 26, Extra: true},
		{Title: "患者", Width: 8}, {Title: "身份证号", Width: 18}, {Title: "参保地", Width: 8, Extra: true},
		{Title: "医疗类别", Width: 8, Extra: true}, {Title: "医生", Width: 8}, {Title: "疾病", Width: 14, Extra: true},
		{Title: "费用明细", Width: 30}, {Title: "合计", Width: 10}, {Title: "统筹基金", Width: 10}, {Title: "本人账户", Width: 10},
		{Title: "家庭共济", Width: 10}, {Title: "现金", Width: 10}, {Title: "已退合计", Width: 10},
		{Title: "共济人", Width: 24, Extra: true}, {Title: "状态", Width: 12}, {Title: "中心审核", Width: 10},
		{Title: "中心说明", Width: 20, Extra: true}, {Title: "中心结算号", Width: 20, Extra: true},
		{Title: "收银台", Width: 10, Extra: true}, {Title: "收银员", Width: 8, Extra: true},
	}}
}

// RecordCells is a row of that table.
func RecordCells(r *settle.Record) []Cell {
	f := r.Standing()
	return []Cell{
		Text(moment(r.At)), Text(r.ReceiptNo), Text(r.ID), Text(r.Masked), Text(r.MaskedNumber), Text(r.Area), Text(r.Sale.MedType),
		Text(r.Doctor), Text(DiseaseName(&r.Sale)), Text(ItemNames(&r.Sale)), Money(f.Total), Money(f.Fund), Money(f.Own),
		Money(f.Shared), Money(f.Cash), Money(r.Refunded.Total), Text(giverNames(r)), Text(StateName(r.State())),
		Text(ReviewName(r.Report)), Text(r.CentreWord), Text(r.SetlID), Text(r.Sale.Terminal), Text(r.Sale.Operator.ID),
	}
}

// DiseaseName is code and name of the disease a sale counts for.
func DiseaseName(sale *settle.Sale) string {
	return strings.TrimSpace(sale.Disease.Code + " " + sale.Disease.Name)
}

// ItemNames lists what was sold.
func ItemNames(sale *settle.Sale) string {
	names := make([]string, len(sale.Lines))
	for i := range sale.Lines {
		names[i] = sale.Lines[i].Name + " x" + sale.Lines[i].Quantity
	}
	return strings.Join(names, "；")
}

// giverNames lists who paid for the patient, masked, with relation and amount.
func giverNames(r *settle.Record) string {
	var names []string
	for i := range r.Postings {
		if p := &r.Postings[i]; p.Person != r.Sale.Patient {
			names = append(names, fmt.Sprintf("%s（%s）%s", p.Masked, p.Relation.GiverTitle(), p.Amount))
		}
	}
	return strings.Join(names, "；")
}

// LinesHead is the head of an itemised table, one line of a bill a row: the evidence for a later claim (S-236).
func LinesHead(notes ...string) Head {
	return Head{Title: "费用明细", Notes: notes, Columns: []Column{
		{Title: "时间", Width: 19}, {Title: "票据号", Width: 16}, {Title: "患者", Width: 8}, {Title: "身份证号", Width: 18, Extra: true},
		{Title: "医保编码", Width: 24}, {Title: "名称", Width: 24}, {Title: "规格", Width: 12}, {Title: "类别", Width: 12},
		{Title: "数量", Width: 8}, {Title: "单价", Width: 10}, {Title: "金额", Width: 10}, {Title: "统筹基金", Width: 10},
		{Title: "个人负担", Width: 10}, {Title: "其中自费", Width: 10}, {Title: "批号", Width: 12, Extra: true},
		{Title: "追溯码", Width: 24, Extra: true}, {Title: "整单状态", Width: 12},
	}}
}

// LineCells is a row of that table: line i of a settlement, as it was sold.
func LineCells(r *settle.Record, i int) []Cell {
	line := &r.Sale.Lines[i]
	return []Cell{
		Text(moment(r.At)), Text(r.ReceiptNo), Text(r.Masked), Text(r.MaskedNumber), Text(line.Code), Text(line.Name), Text(line.Spec),
		Text(line.Class), Text(line.Quantity), Text(line.UnitPrice), Money(line.Total), Money(line.Fund), Money(line.PersonalSum()),
		Money(line.Personal[settle.OwnExpense]), Text(line.Batch), Text(strings.Join(line.TraceCodes, " ")), Text(StateName(r.State())),
	}
}

// WriteRecords writes whatever a query finds, page by page; lines: one row for each line of a bill. progress may be nil; it
// hears how many settlements are written. The sheet is not closed.
func WriteRecords(ctx context.Context, from Source, q settle.RecordQuery, sheet Sheet, lines bool, progress func(done int)) error {
	q.Limit, q.Cursor = settle.MaxRecords, ""
	done := 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := from.Records(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Records {
			if err := writeRecord(sheet, &page.Records[i], lines); err != nil {
				return err
			}
		}
		if done += len(page.Records); progress != nil {
			progress(done)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

func writeRecord(sheet Sheet, r *settle.Record, lines bool) error {
	if !lines {
		return sheet.Row(RecordCells(r))
	}
	for i := range r.Sale.Lines {
		if err := sheet.Row(LineCells(r, i)); err != nil {
			return err
		}
	}
	return nil
}

// groupingNames are the titles of the first column of a report.
var groupingNames = map[settle.Grouping]string{
	settle.ByDay: "日期", settle.ByMonth: "月份", settle.ByArea: "参保地", settle.ByDisease: "疾病", settle.ByMedType: "医疗类别",
	settle.BySource: "资金来源", settle.ByRelation: "亲属关系", settle.ByOperator: "收银员", settle.ByTerminal: "收银台", settle.ByClass: "费用类别",
}

// GroupingName is a grouping in Chinese.
func GroupingName(by settle.Grouping) string { return nameOr(groupingNames[by], string(by)) }

var sourceNames = map[string]string{"fund": "统筹基金", "own": "本人账户", "shared": "家庭共济", "cash": "现金"}

// GroupName is a group of a report for people: a day with dashes, a source or a relation in Chinese.
func GroupName(by settle.Grouping, key string) string {
	switch {
	case key == "" && by == settle.ByRelation:
		return "非共济"
	case key == "" && by == settle.ByClass:
		return "中心调整"
	case key == "":
		return "未填"
	case by == settle.ByDay && len(key) == 8:
		return key[:4] + "-" + key[4:6] + "-" + key[6:]
	case by == settle.ByMonth && len(key) == 6:
		return key[:4] + "-" + key[4:]
	case by == settle.BySource:
		return nameOr(sourceNames[key], key)
	case by == settle.ByRelation:
		return settle.Relation(key).GiverTitle()
	}
	return key
}

// CountedHow says what the figures of a report are.
const CountedHow = "金额单位：元。已扣除退货；退货计入退货当日。"

// WriteReport writes a report with its total and, where there were any, contributions. The sheet is not closed.
func WriteReport(sheet Sheet, totals *settle.Totals) error {
	for i := range totals.Groups {
		g := &totals.Groups[i]
		if err := sheet.Row(groupCells(totals.By, GroupName(totals.By, g.Key), g)); err != nil {
			return err
		}
	}
	if err := sheet.Row(groupCells(totals.By, "合计", &totals.All)); err != nil {
		return err
	}
	if c := &totals.Contributions; c.Sales+c.Returns > 0 {
		row := groupCells(settle.ByClass, "另：代缴城乡居民医保", c)
		for i := 4; i < len(row); i++ {
			row[i] = Text("")
		}
		return sheet.Row(row)
	}
	return nil
}

// ReportHead is the head of a report.
func ReportHead(totals *settle.Totals, notes ...string) Head {
	return Head{
		Title: "医保个人账户共济统计（按" + GroupingName(totals.By) + "）",
		Notes: append(notes, Period(totals.From, totals.To), CountedHow),
		Columns: []Column{
			{Title: GroupingName(totals.By), Width: 22}, {Title: "结算笔数", Width: 9}, {Title: "退货笔数", Width: 9},
			{Title: "合计", Width: 13}, {Title: "统筹基金", Width: 13}, {Title: "个人负担", Width: 13}, {Title: "本人账户", Width: 13},
			{Title: "家庭共济", Width: 13}, {Title: "现金", Width: 13},
		},
	}
}

func groupCells(by settle.Grouping, name string, g *settle.ReportGroup) []Cell {
	f := &g.Figures
	cells := []Cell{
		Text(name), Text(fmt.Sprint(g.Sales)), Text(fmt.Sprint(g.Returns)), Money(f.Total), Money(f.Fund), Money(f.Total - f.Fund),
		Money(f.Own), Money(f.Shared), Money(f.Cash),
	}
	if by == settle.ByClass { // an account pays for a bill, not for a line
		cells[6], cells[7], cells[8] = Text(""), Text(""), Text("")
	}
	return cells
}

var statementNames = map[settle.StatementKind]string{
	settle.StatementOwn: "本人消费", settle.StatementRelative: "为亲属支付", settle.StatementPremium: "代缴医保费", settle.StatementBack: "退回",
	settle.StatementAdjusted: "中心调整",
}

// StatementName is a kind of row in Chinese.
func StatementName(kind settle.StatementKind) string {
	return nameOr(statementNames[kind], string(kind))
}

// StatementHead is the head of a person's statement.
func StatementHead(s *settle.Statement, notes ...string) Head {
	notes = append(notes, "持卡人："+s.Person.Masked+"  "+s.Number, Period(s.From, s.To),
		fmt.Sprintf("本人账户支付本人费用 %s 元；本人账户为亲属支付 %s 元；亲属为本人支付 %s 元（均已扣除退回）。", s.Own, s.Given, s.Received),
		"只含在本机构的结算；余额为当时本机所知，以医保中心为准。")
	return Head{Title: "个人账户共济使用明细", Notes: notes, Columns: []Column{
		{Title: "时间", Width: 19}, {Title: "票据号", Width: 16}, {Title: "类型", Width: 10}, {Title: "亲属", Width: 8}, {Title: "项目", Width: 30},
		{Title: "费用合计", Width: 11}, {Title: "统筹基金", Width: 11}, {Title: "家庭共济", Width: 11}, {Title: "现金", Width: 11},
		{Title: "本人账户支出", Width: 12}, {Title: "账户余额", Width: 11},
	}}
}

// WriteStatement writes the rows of a statement. The sheet is not closed.
func WriteStatement(sheet Sheet, s *settle.Statement) error {
	for i := range s.Entries {
		e := &s.Entries[i]
		cells := []Cell{
			Text(moment(e.At)), Text(e.Receipt), Text(StatementName(e.Kind)), Text(e.Other), Text(e.Items),
			Money(e.Figures.Total), Money(e.Figures.Fund), Money(e.Figures.Shared), Money(e.Figures.Cash), Money(e.Paid), Text(""),
		}
		if e.After != nil {
			cells[10] = Money(*e.After)
		}
		if err := sheet.Row(cells); err != nil {
			return err
		}
	}
	return nil
}
