/* A Modbus server by libmodbus, for tests: holding register n holds n, input register n holds 1000 + n, coil and
   discrete input n are n % 2.

   usage: server tcp PORT UNIT DELAY_MS | server rtu DEVICE UNIT DELAY_MS
   Each answer to the first three requests after a request of register 900 comes DELAY_MS late. */
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 1000 };

int main(int argc, char **argv)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int tcp, delay_ms, late = 0, listener = -1, length;
    modbus_t *context;
    modbus_mapping_t *map;

    if (argc != 5)
        return 2;
    tcp = strcmp(argv[1], "tcp") == 0;
    delay_ms = atoi(argv[4]);
    context = tcp ? modbus_new_tcp("127.0.0.1", atoi(argv[2])) : modbus_new_rtu(argv[2], 9600, 'N', 8, 1);
    map = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
    if (!context || !map)
        return 3;
    modbus_set_slave(context, atoi(argv[3]));
    for (int i = 0; i < SIZE; i++) {
        map->tab_registers[i] = i;
        map->tab_input_registers[i] = 1000 + i;
        map->tab_bits[i] = map->tab_input_bits[i] = i % 2;
    }
    if (tcp && (listener = modbus_tcp_listen(context, 1)) < 0)
        return 4;
    if (!tcp && modbus_connect(context) < 0)
        return 4;
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (tcp && modbus_tcp_accept(context, &listener) < 0)
            return 5;
        while ((length = modbus_receive(context, query)) >= 0) {
            int header = modbus_get_header_length(context);
            int address = (query[header + 1] << 8) + query[header + 2];
            if (length == 0)
                continue; /* for another unit */
            if (late > 0) {
                late--;
                usleep(delay_ms * 1000);
            }
            if (address == 900)
                late = 3;
            modbus_reply(context, query, length, map);
        }
        if (tcp)
            modbus_close(context);
        else
            modbus_flush(context); /* noise on the line is no reason to leave it */
    }
}
