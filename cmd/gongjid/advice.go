package main

import (
	"errors"
	"net"

	"gongji/config"
	"gongji/settle/ledger"
)

// advice is what a technician does about an error that ends a command, Chinese first; empty where the error says it itself. These are
// the mistakes of an installation: the words of the system alone do not tell where to turn.
func advice(err error) string {
	var listening *net.OpError
	switch {
	case errors.Is(err, ledger.ErrInUse):
		return `数据目录正被另一个 gongjid 使用，账本没有损坏。一个数据目录只运行一个：先停掉那个进程（systemctl stop gongjid；Windows：服务里停止 gongjid），或在 data 里换一个目录。
The data folder is in use, nothing is damaged. Stop the other gongjid first, or set another folder as data.`
	case errors.As(err, &listening) && listening.Op == "listen":
		return `这个地址不能监听，多半是端口已被别的程序占用。看是谁占用：ss -ltnp（Windows：netstat -ano）；停掉它，或改配置 listen 里的端口，收银系统随之改。
The address cannot be listened on; another program most likely has the port. See which: ss -ltnp (Windows: netstat -ano).
Stop it, or set another port under listen and in the POS.`
	case errors.Is(err, config.ErrFile):
		return `配置文件读不到。用 --config 指明它在哪里；还没有的话，复制 config/gongjid.example.yaml（安装包里是 /etc/gongji/gongjid.yaml）再改，然后用 gongjid check --config FILE 检查。
The configuration file cannot be read. Say where it is with --config, or begin from config/gongjid.example.yaml and try it with
gongjid check --config FILE.`
	}
	return ""
}
