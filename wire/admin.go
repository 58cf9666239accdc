package wire

import "redstart/wire/command"

var serverCommands = []command.Command{
	configCommand,
}
