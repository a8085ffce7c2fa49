package health

import "time"

// Code is the stable name of a warning.
type Code string

// The warnings.
const (
	ReaderDown      Code = "READER_DOWN"
	CentreOffline   Code = "CENTRE_OFFLINE"
	LedgerStale     Code = "LEDGER_STALE"
	DiskLow         Code = "DISK_LOW"
	DiskFull        Code = "DISK_FULL"
	DiskSlow        Code = "DISK_SLOW"
	ClockJump       Code = "CLOCK_JUMP"
	OutboxStuck     Code = "OUTBOX_STUCK"
	OutboxRefused   Code = "OUTBOX_REFUSED"
	OutboxUnknown   Code = "OUTBOX_UNKNOWN"
	ExtensionOff    Code = "EXTENSION_OFF"
	ChainUnverified Code = "CHAIN_UNVERIFIED"
	ChainBroken     Code = "CHAIN_BROKEN"
	StoreBroken     Code = "STORE_BROKEN"
	StoreFull       Code = "STORE_FULL"
	AgreementEnds   Code = "AGREEMENT_ENDS"
	TokensBroken    Code = "TOKENS_BROKEN"
	FilesLow        Code = "FILES_LOW"
)

// Severity says how much a warning matters to the counter.
type Severity string

// The severities. Only Blocking makes the daemon not ready: settling cannot work and another try will not help until
// somebody has acted.
const (
	Notice   Severity = "notice"   // should be looked at
	Warning  Severity = "warning"  // work goes on with less
	Blocking Severity = "blocking" // nothing can be settled
)

// Words is a text in the two languages of the console.
type Words struct {
	Chinese string
	English string
}

// Kind describes a warning. Texts may hold {name} places, which are filled from the arguments of [Tracker.Set].
type Kind struct {
	Severity Severity
	Title    Words
	Text     Words // what is so
	Cause    Words // what usually brings it about
	Remedy   Words // what to do
	// Delay is how long the trouble must last before it shows: a cable touched in passing is no warning.
	Delay time.Duration
	// DependsOn: while one of these shows, this one is only its consequence and stays hidden.
	DependsOn []Code
}

// Kinds has one entry for every Code.
var Kinds = map[Code]Kind{
	ReaderDown: {
		Severity: Warning, Delay: 5 * time.Second,
		Title:  Words{"读卡器没有连接", "A reader is not connected"},
		Text:   Words{"读卡器 {reader} 没有反应，插卡结算暂停；查询和打印照常。", "Reader {reader} does not answer. Settling with a card stops; looking up and printing go on."},
		Cause:  Words{"数据线松动、断电，或串口被别的程序占用。", "A loose cable, no power, or another program that holds the port."},
		Remedy: Words{"检查读卡器电源和数据线，关闭其他读卡程序；接好后自动恢复。仍不行请运行 gongjid check。", "Check power and cable, close other card programs; it recovers by itself. Otherwise run gongjid check."},
	},
	CentreOffline: {
		Severity: Warning, Delay: 30 * time.Second,
		Title:  Words{"医保中心没有应答，正在脱机结算", "The centre is silent; settling offline"},
		Text:   Words{"在脱机限额内照常结算，恢复联网后自动上报。", "Settling goes on within the offline limits; reports follow when the line is back."},
		Cause:  Words{"专线或网关中断，或中心停机维护。", "The line or the gateway is down, or the centre is under maintenance."},
		Remedy: Words{"检查专线和路由器；长时间不恢复请联系医保中心。", "Check line and router; call the centre if it lasts."},
	},
	LedgerStale: {
		Severity: Warning,
		Title:    Words{"本机账户资料太旧", "The cached ledger is too old"},
		Text:     Words{"账户资料最后更新于 {age} 前，超过允许的 {limit}；脱机时不能结算。", "The ledger was last refreshed {age} ago, more than the {limit} allowed; nothing can be settled offline."},
		Cause:    Words{"长时间没有联网，或账本下发被中心关闭。", "No line for long, or the centre has stopped the feed."},
		Remedy:   Words{"恢复联网后自动更新；或请管理员导入签名的账本文件。", "It refreshes by itself when the line is back; or import a signed ledger file."},
	},
	DiskLow: {
		Severity: Warning, Delay: 10 * time.Second, DependsOn: []Code{DiskFull},
		Title:  Words{"磁盘快满了", "The disk is nearly full"},
		Text:   Words{"账本所在磁盘只剩 {free}。", "Only {free} are left on the disk of the ledger."},
		Cause:  Words{"日志、备份或其他软件占用空间。", "Logs, backups or other software."},
		Remedy: Words{"清理磁盘；不要删除账本文件夹里的任何文件。", "Free space; never delete anything inside the ledger's folder."},
	},
	DiskFull: {
		Severity: Warning,
		Title:    Words{"磁盘就要写满了", "The disk is about to be full"},
		Text:     Words{"账本所在磁盘只剩 {free}，低于安全余量 {limit}；写满后不能结算。", "Only {free} are left on the disk of the ledger, less than the {limit} it needs to be safe; once it is full nothing can be settled."},
		Cause:    Words{"日志、备份或其他软件占满磁盘。", "Logs, backups or other software have filled the disk."},
		Remedy:   Words{"立即清理磁盘；不要删除账本文件夹里的任何文件。腾出空间后自动恢复。", "Free space now; never delete anything inside the ledger's folder. It recovers by itself."},
	},
	DiskSlow: {
		Severity: Warning, Delay: 10 * time.Second,
		Title:  Words{"磁盘太慢", "The disk is too slow"},
		Text:   Words{"账本写一次盘约要 {took}，超过 {limit}；每笔结算都要等它，结算照常，不会丢失。", "The ledger takes about {took} to reach the disk, more than {limit}. Every settlement waits for it; settling goes on and nothing is lost."},
		Cause:  Words{"杀毒软件扫描账本文件夹、备份或系统更新正在运行，或硬盘有坏道、老化。", "A virus scanner in the ledger's folder, a backup or an update that runs, or a disk that wears out."},
		Remedy: Words{"把账本文件夹排除在杀毒扫描外，停下备份和更新；仍慢请备份后换固态盘。恢复后自动解除。", "Exclude the ledger's folder from scanning, stop backups and updates; if it stays slow, back up and change to an SSD. It clears by itself."},
	},
	StoreFull: {
		Severity: Blocking,
		Title:    Words{"磁盘已满，不能结算", "The disk is full; nothing can be settled"},
		Text:     Words{"最近一次写入因磁盘已满而失败，没有扣款。", "The last write failed because the disk is full; nothing was settled."},
		Cause:    Words{"日志、备份或其他软件占满磁盘。", "Logs, backups or other software have filled the disk."},
		Remedy:   Words{"立即清理磁盘；不要删除账本文件夹里的任何文件。腾出空间后再结算一次即恢复。", "Free space now; never delete anything inside the ledger's folder. The next settlement that succeeds clears this."},
	},
	FilesLow: {
		Severity: Warning,
		Title:    Words{"打开的文件和连接快到上限", "Nearly out of open files"},
		Text:     Words{"已打开 {open} 个，上限 {limit}；到上限后新的收银台连不上。", "{open} are open of {limit}; at the limit no further till can connect."},
		Cause:    Words{"有程序反复连接而不断开，或系统给服务的上限太低。", "A program that connects again and again without hanging up, or too low a limit for the service."},
		Remedy:   Words{"关闭多余的收银程序；或提高 LimitNOFILE 后重启服务。已结算的不受影响。", "Close the programs that are too many, or raise LimitNOFILE and restart the service. What is settled is not affected."},
	},
	ClockJump: {
		Severity: Warning,
		Title:    Words{"电脑时间跳变", "The PC's clock has jumped"},
		Text:     Words{"电脑时间突然变化了 {jump}；脱机时限按不回退的时钟计算，可能提前到期。", "The PC's time changed by {jump} at once. Offline limits run on a clock that never goes back and may end early."},
		Cause:    Words{"有人改了时间，主板电池没电，或对时服务纠正了偏差。", "Somebody set the clock, the board's battery is empty, or time service corrected it."},
		Remedy:   Words{"打开自动对时，核对日期和时间；联网后以医保中心时间为准，自动解除。", "Switch time service on and check date and time; the centre's time clears this once the line is up."},
	},
	OutboxStuck: {
		Severity: Warning, Delay: time.Minute, DependsOn: []Code{CentreOffline},
		Title:  Words{"结算上报积压", "Reports are piling up"},
		Text:   Words{"有 {count} 笔未上报，最早一笔已等 {age}。", "{count} reports are not acknowledged; the oldest waits for {age}."},
		Cause:  Words{"中心应答慢，或某笔上报一直失败。", "The centre is slow, or one report keeps failing."},
		Remedy: Words{"查看待处理列表；运行 gongjid check。", "Look at the attention list; run gongjid check."},
	},
	OutboxRefused: {
		Severity: Warning,
		Title:    Words{"有结算被医保中心拒绝", "The centre refused reports"},
		Text:     Words{"{count} 笔上报被拒绝，须人工处理。", "{count} reports were refused and wait for a decision."},
		Cause:    Words{"中心的资料与本机不一致，或目录、人员状态有变化。", "The centre's data differ from ours, or the catalogue or a person's status changed."},
		Remedy:   Words{"店长在待处理列表逐笔决定：更正重报、冲正或改收现金。", "A manager decides each on the attention list: correct, reverse, or take cash."},
	},
	OutboxUnknown: {
		Severity: Warning, Delay: 2 * time.Minute, DependsOn: []Code{CentreOffline},
		Title:  Words{"有上报结果未明", "Some reports have an open outcome"},
		Text:   Words{"{count} 笔已发出但没有收到结果，系统正在查明。", "{count} reports were sent and got no answer; the daemon is finding out."},
		Cause:  Words{"发送途中断线。", "The line broke while they were on their way."},
		Remedy: Words{"不要重复收款，等待系统查明；隔日仍未明请与中心对账。", "Do not charge again; wait. If it is still open the next day, reconcile with the centre."},
	},
	ExtensionOff: {
		Severity: Notice,
		Title:    Words{"医保中心不支持扩展 {extension}", "The centre does not know extension {extension}"},
		Text:     Words{"该扩展已停用，直到服务重启。", "The extension is off until the daemon restarts."},
		Cause:    Words{"中心回复“未知交易”。", "The centre answered that it does not know the transaction."},
		Remedy:   Words{"核对 upstream.extensions；没有 feed 时用签名文件导入亲属账户。", "Check upstream.extensions; without feed, import relatives by signed file."},
	},
	ChainUnverified: {
		Severity: Notice,
		Title:    Words{"账本校验过期", "The ledger was not verified lately"},
		Text:     Words{"账本已有 {age} 没有完整校验。", "The ledger has not been verified in full for {age}."},
		Cause:    Words{"服务在校验时段没有运行。", "The daemon did not run when verification was due."},
		Remedy:   Words{"空闲时运行 gongjid verify。", "Run gongjid verify in a quiet hour."},
	},
	ChainBroken: {
		Severity: Blocking,
		Title:    Words{"账本校验不通过，停止结算", "The ledger does not verify; settling has stopped"},
		Text:     Words{"第 {record} 条记录与校验链不符。", "Record {record} does not fit the hash chain."},
		Cause:    Words{"磁盘损坏，或账本文件被改动。", "A damaged disk, or a ledger file that was altered."},
		Remedy:   Words{"停用本机，不要改动文件，保留现场并联系技术支持；可从备份恢复。", "Stop using this machine, leave the files as they are and call support; a backup can be restored."},
	},
	StoreBroken: {
		Severity: Blocking, DependsOn: []Code{ChainBroken},
		Title:  Words{"账本写入失败，不能结算", "The ledger cannot be written; nothing can be settled"},
		Text:   Words{"最近一次写入失败。", "The last write failed."},
		Cause:  Words{"磁盘损坏、只读，或权限被改动。", "A damaged or read-only disk, or changed permissions."},
		Remedy: Words{"运行 gongjid check 查明原因，修好后自动恢复。", "Run gongjid check to find out; it recovers by itself once repaired."},
	},
	TokensBroken: {
		Severity: Blocking,
		Title:    Words{"收银台令牌文件损坏", "The file of tokens is damaged"},
		Text:     Words{"令牌文件 tokens.json 读不出来，所有收银台都会被拒绝。", "tokens.json cannot be read; every till is refused."},
		Cause:    Words{"磁盘故障，或文件被手工改动。", "A failing disk, or a file that was edited by hand."},
		Remedy:   Words{"从备份恢复 tokens.json；或删除它并用 gongjid pos add 重新发放令牌。", "Restore tokens.json from the backup, or remove it and make new tokens with gongjid pos add."},
	},
	AgreementEnds: {
		Severity: Notice,
		Title:    Words{"定点协议即将到期", "The designation agreement is about to end"},
		Text:     Words{"定点协议最后一天是 {day}，之后不能医保结算。", "The last day of the agreement is {day}; nothing can be settled after it."},
		Cause:    Words{"配置里的 venue.agreement_until 快到或已过。", "venue.agreement_until in the configuration is near or past."},
		Remedy:   Words{"续签后更新配置。", "Renew the agreement and update the configuration."},
	},
}
