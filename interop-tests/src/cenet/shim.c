/* What Rust needs of ENet, without the layout of its structures, which differs between releases. */

#include <enet/enet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __APPLE__
#include <malloc/malloc.h>
#define usable_size malloc_size
#else
#include <malloc.h>
#define usable_size malloc_usable_size
#endif

/* What this thread has taken from the heap and not given back. */
static _Thread_local uint64_t allocated;
static _Thread_local int64_t live;

static void *counting_malloc(size_t size) {
    void *memory = malloc(size);
    allocated++;
    live += (int64_t)usable_size(memory);
    return memory;
}

static void counting_free(void *memory) {
    live -= (int64_t)usable_size(memory);
    free(memory);
}

int shim_initialize(void) {
    ENetCallbacks callbacks = {counting_malloc, counting_free, NULL};
    return enet_initialize_with_callbacks(ENET_VERSION, &callbacks);
}

void shim_allocations(uint64_t *count, int64_t *live_bytes) {
    *count = allocated;
    *live_bytes = live;
}

/* An address as Rust has it: IPv4, in host byte order. */
static ENetAddress address_of(uint32_t ip, uint16_t port) {
    ENetAddress address = {.host = ENET_HOST_TO_NET_32(ip), .port = port};
    return address;
}

ENetHost *shim_host_create(int bound, uint32_t ip, uint16_t port, size_t peers, size_t channels, uint32_t incoming,
                           uint32_t outgoing) {
    ENetAddress address = address_of(ip, port);
    return enet_host_create(bound ? &address : NULL, peers, channels, incoming, outgoing);
}

int shim_host_port(const ENetHost *host) {
    ENetAddress address;
    return enet_socket_get_address(host->socket, &address) < 0 ? -1 : address.port;
}

void shim_host_checksum(ENetHost *host, int on) { host->checksum = on ? enet_crc32 : NULL; }

void shim_host_limits(ENetHost *host, size_t duplicate_peers, size_t packet_size, size_t waiting_data) {
    host->duplicatePeers = duplicate_peers;
    host->maximumPacketSize = packet_size;
    host->maximumWaitingData = waiting_data;
}

/* Slots have taken over the host's value when they were made. */
void shim_host_mtu(ENetHost *host, uint32_t mtu) {
    size_t i;
    host->mtu = mtu;
    for (i = 0; i < host->peerCount; i++)
        host->peers[i].mtu = mtu;
}

void shim_host_totals(const ENetHost *host, uint64_t totals[4]) {
    totals[0] = host->totalSentData;
    totals[1] = host->totalSentPackets;
    totals[2] = host->totalReceivedData;
    totals[3] = host->totalReceivedPackets;
}

void shim_host_intercept(ENetHost *host, ENetInterceptCallback call) { host->intercept = call; }

/* The datagram that is being received, for an intercept. */
const uint8_t *shim_host_received(const ENetHost *host, uint32_t *ip, uint16_t *port, size_t *length) {
    *ip = ENET_NET_TO_HOST_32(host->receivedAddress.host);
    *port = host->receivedAddress.port;
    *length = host->receivedDataLength;
    return host->receivedData;
}

/* A datagram from the host's socket that is not ENet's; the bytes sent, negative if it could not be. */
int shim_host_send_raw(ENetHost *host, uint32_t ip, uint16_t port, const uint8_t *data, size_t length) {
    ENetAddress address = address_of(ip, port);
    ENetBuffer buffer = {.data = (void *)data, .dataLength = length};
    return enet_socket_send(host->socket, &address, &buffer, 1);
}

size_t shim_host_peer_count(const ENetHost *host) { return host->peerCount; }

ENetPeer *shim_host_peer(ENetHost *host, size_t index) { return index < host->peerCount ? &host->peers[index] : NULL; }

size_t shim_peer_index(const ENetPeer *peer) { return (size_t)(peer - peer->host->peers); }

ENetPeer *shim_host_connect(ENetHost *host, uint32_t ip, uint16_t port, size_t channels, uint32_t data) {
    ENetAddress address = address_of(ip, port);
    return enet_host_connect(host, &address, channels, data);
}

/* Waits for an event; its packet, if any, is the caller's to destroy. */
int shim_host_service(ENetHost *host, uint32_t timeout, size_t *peer, uint8_t *channel, uint32_t *data, ENetPacket **packet) {
    ENetEvent event;
    int result = enet_host_service(host, &event, timeout);
    if (result <= 0)
        return result;
    *peer = shim_peer_index(event.peer);
    *channel = event.channelID;
    *data = event.data;
    *packet = event.packet;
    return (int)event.type;
}

const uint8_t *shim_packet_data(const ENetPacket *packet, size_t *length, uint32_t *flags) {
    *length = packet->dataLength;
    *flags = packet->flags;
    return packet->data;
}

/* Takes a copy of the data. */
int shim_peer_send(ENetPeer *peer, uint8_t channel, const uint8_t *data, size_t length, uint32_t flags) {
    ENetPacket *packet = enet_packet_create(data, length, flags);
    if (packet == NULL)
        return -1;
    int result = enet_peer_send(peer, channel, packet);
    if (result < 0)
        enet_packet_destroy(packet);
    return result;
}

void shim_host_broadcast(ENetHost *host, uint8_t channel, const uint8_t *data, size_t length, uint32_t flags) {
    ENetPacket *packet = enet_packet_create(data, length, flags);
    if (packet != NULL)
        enet_host_broadcast(host, channel, packet);
}

enum {
    STATE,
    CHANNELS,
    MTU,
    WINDOW,
    CONNECT_ID,
    ROUND_TRIP_TIME,
    ROUND_TRIP_TIME_VARIANCE,
    LAST_ROUND_TRIP_TIME,
    LAST_ROUND_TRIP_TIME_VARIANCE,
    PACKET_LOSS,
    PACKET_LOSS_VARIANCE,
    PACKET_THROTTLE,
    PACKET_THROTTLE_LIMIT,
    PACKET_THROTTLE_ACCELERATION,
    PACKET_THROTTLE_DECELERATION,
    PACKET_THROTTLE_INTERVAL,
    INCOMING_BANDWIDTH,
    OUTGOING_BANDWIDTH,
    RELIABLE_IN_TRANSIT,
    INCOMING_SESSION,
    OUTGOING_SESSION,
    WAITING_DATA
};

uint32_t shim_peer_figure(const ENetPeer *peer, int which) {
    switch (which) {
    case STATE: return (uint32_t)peer->state;
    case CHANNELS: return (uint32_t)peer->channelCount;
    case MTU: return peer->mtu;
    case WINDOW: return peer->windowSize;
    case CONNECT_ID: return peer->connectID;
    case ROUND_TRIP_TIME: return peer->roundTripTime;
    case ROUND_TRIP_TIME_VARIANCE: return peer->roundTripTimeVariance;
    case LAST_ROUND_TRIP_TIME: return peer->lastRoundTripTime;
    case LAST_ROUND_TRIP_TIME_VARIANCE: return peer->lastRoundTripTimeVariance;
    case PACKET_LOSS: return peer->packetLoss;
    case PACKET_LOSS_VARIANCE: return peer->packetLossVariance;
    case PACKET_THROTTLE: return peer->packetThrottle;
    case PACKET_THROTTLE_LIMIT: return peer->packetThrottleLimit;
    case PACKET_THROTTLE_ACCELERATION: return peer->packetThrottleAcceleration;
    case PACKET_THROTTLE_DECELERATION: return peer->packetThrottleDeceleration;
    case PACKET_THROTTLE_INTERVAL: return peer->packetThrottleInterval;
    case INCOMING_BANDWIDTH: return peer->incomingBandwidth;
    case OUTGOING_BANDWIDTH: return peer->outgoingBandwidth;
    case RELIABLE_IN_TRANSIT: return peer->reliableDataInTransit;
    case INCOMING_SESSION: return peer->incomingSessionID;
    case OUTGOING_SESSION: return peer->outgoingSessionID;
    case WAITING_DATA: return (uint32_t)peer->totalWaitingData;
    default: return 0;
    }
}

/* Compressors written in Rust: one function for both directions, which returns the bytes it wrote, 0 if it failed. */
typedef size_t (*rust_codec)(void *context, int compress, const uint8_t *input, size_t length, uint8_t *output, size_t limit);

struct codec {
    rust_codec call;
    void *context;
    void (*drop)(void *context);
};

static size_t codec_compress(void *context, const ENetBuffer *buffers, size_t count, size_t length, enet_uint8 *output,
                             size_t limit) {
    struct codec *codec = context;
    uint8_t *input = malloc(length + 1);
    size_t filled = 0, i, result;
    if (input == NULL)
        return 0;
    for (i = 0; i < count && filled < length; i++) {
        size_t part = buffers[i].dataLength < length - filled ? buffers[i].dataLength : length - filled;
        if (part > 0)
            memcpy(input + filled, buffers[i].data, part);
        filled += part;
    }
    result = codec->call(codec->context, 1, input, filled, output, limit);
    free(input);
    return result;
}

static size_t codec_decompress(void *context, const enet_uint8 *input, size_t length, enet_uint8 *output, size_t limit) {
    struct codec *codec = context;
    return codec->call(codec->context, 0, input, length, output, limit);
}

static void codec_destroy(void *context) {
    struct codec *codec = context;
    codec->drop(codec->context);
    free(codec);
}

int shim_host_compress(ENetHost *host, rust_codec call, void *context, void (*drop)(void *)) {
    struct codec *codec = malloc(sizeof *codec);
    if (codec == NULL)
        return -1;
    codec->call = call;
    codec->context = context;
    codec->drop = drop;
    ENetCompressor compressor = {codec, codec_compress, codec_decompress, codec_destroy};
    enet_host_compress(host, &compressor);
    return 0;
}

size_t shim_range_compress(void *coder, const uint8_t *input, size_t length, uint8_t *output, size_t limit) {
    ENetBuffer buffer = {.data = (void *)input, .dataLength = length};
    return enet_range_coder_compress(coder, &buffer, 1, length, output, limit);
}

uint32_t shim_crc32(const uint8_t *data, size_t length) {
    ENetBuffer buffer = {.data = (void *)data, .dataLength = length};
    return enet_crc32(&buffer, 1);
}
