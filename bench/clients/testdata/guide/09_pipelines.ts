import Redis from "ioredis";

const redis = new Redis();

async function pipeliningExample(): Promise<void> {
  // Basic pipelining
  const pipeline = redis.pipeline();

  // Queue up multiple commands
  pipeline.set("pipe:key1", "value1");
  pipeline.set("pipe:key2", "value2");
  pipeline.set("pipe:key3", "value3");
  pipeline.get("pipe:key1");
  pipeline.get("pipe:key2");
  pipeline.incr("pipe:counter");

  // Execute all commands at once
  const results = await pipeline.exec();
  console.log("Pipeline results:", results);

  // Practical example: Bulk data insertion
  async function bulkInsert(items: Array<{ id: string; data: object }>): Promise<void> {
    const pipe = redis.pipeline();

    for (const item of items) {
      pipe.hset(`item:${item.id}`, item.data as Record<string, string>);
      pipe.sadd("items:all", item.id);
      pipe.zadd("items:byTime", Date.now(), item.id);
    }

    await pipe.exec();
    console.log(`Inserted ${items.length} items`);
  }

  // Insert sample data
  await bulkInsert([
    { id: "1", data: { name: "Item 1", price: "10" } },
    { id: "2", data: { name: "Item 2", price: "20" } },
    { id: "3", data: { name: "Item 3", price: "30" } },
  ]);

  // Bulk retrieval with pipeline
  async function bulkGet(ids: string[]): Promise<object[]> {
    const pipe = redis.pipeline();

    for (const id of ids) {
      pipe.hgetall(`item:${id}`);
    }

    const results = await pipe.exec();
    return results?.map(([err, data]) => (err ? null : data)) || [];
  }

  const items = await bulkGet(["1", "2", "3"]);
  console.log("Retrieved items:", items);
}

// Performance comparison
async function performanceComparison(): Promise<void> {
  const iterations = 1000;

  // Without pipelining
  const startWithout = Date.now();
  for (let i = 0; i < iterations; i++) {
    await redis.set(`test:${i}`, `value${i}`);
  }
  const timeWithout = Date.now() - startWithout;
  console.log(`Without pipelining: ${timeWithout}ms`);

  // With pipelining
  const startWith = Date.now();
  const pipe = redis.pipeline();
  for (let i = 0; i < iterations; i++) {
    pipe.set(`test:${i}`, `value${i}`);
  }
  await pipe.exec();
  const timeWith = Date.now() - startWith;
  console.log(`With pipelining: ${timeWith}ms`);
  console.log(`Speedup: ${(timeWithout / timeWith).toFixed(2)}x faster`);
}

pipeliningExample();
