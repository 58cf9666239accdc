package wire

import "redstart/wire/command"

var clientCommands []command.Command
